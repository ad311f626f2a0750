#include "kv/state.h"

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "kv/pin.h"
#include "kv/snapshot_body.h"

namespace forelog::kv {

using base::concat;

namespace {

class PinnedImage final : public StateMachine::Image {
 public:
  explicit PinnedImage(std::shared_ptr<const Pin> pin) : pin_(std::move(pin)) {}
  Status save(Sink& out) const override {
    return base::guarded([&] { return save_contents(pin_, out); });
  }

 private:
  std::shared_ptr<const Pin> pin_;
};

// The earliest: a pin's time is then what the commands told, and so the same wherever they are applied.
constexpr Timestamp kNoClock = Timestamp::min();

}  // namespace

Status KvState::apply(Lsn lsn, ByteView bytes) {
  if (lsn <= applied_) {
    return {Code::corrupt, concat("LSN ", lsn.value, " comes behind LSN ", applied_.value,
                                  " of a key-value state: its snapshot is not of this log")};
  }
  return base::guarded([&]() -> Status {
    switch (decode_command(bytes, command_)) {
      case CommandCheck::valid: break;
      case CommandCheck::malformed:
        return {Code::corrupt,
                concat("LSN ", lsn.value,
                       " is not a key-value command: something else writes to the log of this "
                       "store")};
      case CommandCheck::unknown:
        return {Code::unsupported, concat("LSN ", lsn.value,
                                          " is no key-value command that this version knows: a "
                                          "newer version of Forelog wrote it, which then opens the "
                                          "store, or something else writes to its log")};
    }
    last_outcome_ = table_->apply(lsn, command_);
    applied_ = lsn;
    return {};
  });
}

Status KvState::save(Sink& out) const {
  return base::guarded(
      [&] { return save_contents(std::make_shared<const Pin>(table_, kNoClock), out); });
}

Status KvState::load(Source& in) {
  return base::guarded([&]() -> Status {
    Contents contents = FORELOG_TRY(load_contents(in));
    applied_ = contents.applied;
    last_outcome_ = {};
    table_->replace(std::move(contents));
    return {};
  });
}

std::unique_ptr<StateMachine::Image> KvState::freeze() const {
  return std::make_unique<PinnedImage>(std::make_shared<const Pin>(table_, kNoClock));
}

}  // namespace forelog::kv
