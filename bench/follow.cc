#include "follow.h"

namespace forelog::bench {

std::vector<PolledPeerKind> polled_peers() {
  std::vector<PolledPeerKind> kinds = polled_lmdb();
  for (PolledPeerKind& kind : polled_sqlite()) kinds.push_back(std::move(kind));
  return kinds;
}

Status follow_peer(std::string_view name, const std::filesystem::path& dir, Stamps& stamps,
                   unsigned tail) {
  for (const PolledPeerKind& kind : polled_peers()) {
    if (kind.name == name) return kind.follow(dir, stamps, tail);
  }
  return {Code::invalid_argument, "no peer to follow: " + std::string(name)};
}

}  // namespace forelog::bench
