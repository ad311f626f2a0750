#include "forelog/lsn.h"
#include "forelog/version.h"

namespace forelog {

std::string_view version() noexcept { return "0.1.0"; }

std::string_view to_string(Durability level) noexcept {
  switch (level) {
    case Durability::buffered: return "buffered";
    case Durability::written: return "written";
    case Durability::synced: return "synced";
  }
  return "unknown";
}

}  // namespace forelog
