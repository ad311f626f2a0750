#include "forelog/lsn.h"
#include "forelog/maintain.h"
#include "forelog/report.h"
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

std::string_view to_string(Verdict verdict) noexcept {
  switch (verdict) {
    case Verdict::clean: return "clean";
    case Verdict::torn_tail: return "torn_tail";
    case Verdict::rot: return "rot";
  }
  return "unknown";
}

std::string_view to_string(SegmentState state) noexcept {
  switch (state) {
    case SegmentState::active: return "active";
    case SegmentState::sealed: return "sealed";
    case SegmentState::ended: return "ended";
  }
  return "unknown";
}

}  // namespace forelog
