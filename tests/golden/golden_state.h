// The state in the golden snapshots. Never to be changed.
#pragma once

#include <cstdint>
#include <string>

#include "forelog/state_machine.h"
#include "golden/golden_record.h"

namespace forelog {

inline constexpr const char* kGoldenKind = "golden/1";

// What so many records make of it: nothing of the first, and much of the twelfth.
inline std::string golden_bytes(std::uint64_t records) {
  std::string all;
  for (std::uint64_t lsn = 2; lsn <= records; ++lsn) all += golden_record(lsn, 1000);
  if (records >= 12) all += std::string(600'000, 'z');
  return all;
}

class GoldenState final : public StateMachine {
 public:
  std::uint64_t records = 0;

  Status apply(Lsn lsn, ByteView /*command*/) override {
    records = lsn.value;
    return {};
  }
  Status save(Sink& out) const override { return out.write(golden_bytes(records)); }
  Status load(Source& /*in*/) override { return {Code::unsupported, "the test reads the bytes"}; }
};

}  // namespace forelog
