// Peers that are followed while they are written. None of them can wait for a record: a follower asks
// again and again, and sleeps in between, since a poll that does not would take one of two processors.
// Each notes what it receives in a Stamps, from the record stamps.first() on.
//
// Threading: each call stands alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/status.h"
#include "peer.h"
#include "stamps.h"

namespace forelog::bench {

// How long a follower sleeps that found nothing new. The kernel makes about twice that of it.
inline constexpr std::chrono::microseconds kPollPause{50};

// A peer that is open to be written, synced, and that a thread of the same process may follow.
struct FollowedPeer {
  std::shared_ptr<Peer> peer;
  std::function<Status(Stamps& stamps, unsigned tail, std::stop_token stop)> follow;
};
struct FollowedPeerKind {
  std::string name;
  std::function<Result<FollowedPeer>(const std::filesystem::path& dir)> open;
};
std::vector<FollowedPeerKind> followed_rocksdb();

// Peers that another process may read while they are written: the name of each, the kind that opens
// it to be written, and what follows it, until it is killed.
struct PolledPeerKind {
  std::string name;
  PeerKind writer;
  std::function<Status(const std::filesystem::path& dir, Stamps& stamps, unsigned tail)> follow;
};
std::vector<PolledPeerKind> polled_lmdb();
std::vector<PolledPeerKind> polled_sqlite();
std::vector<PolledPeerKind> polled_peers();

// The `follow` of the polled peer that has this name.
Status follow_peer(std::string_view name, const std::filesystem::path& dir, Stamps& stamps,
                   unsigned tail);

}  // namespace forelog::bench
