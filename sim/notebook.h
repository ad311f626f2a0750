// Notebook: the state that simulated worlds keep. It holds every command with its LSN, so that what it
// should hold can be said exactly, and notes at once when it is not treated as state_machine.h says:
// commands out of order, two at a time, or a look at it meanwhile.
//
// Threading: that of a simulated world.
#pragma once

#include <array>
#include <charconv>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "base/endian.h"
#include "base/thread.h"
#include "forelog/state_machine.h"
#include "forelog/try.h"

namespace forelog::sim {

class Notebook final : public StateMachine {
 public:
  // What all notebooks of a world have in common.
  struct Nature {
    bool freezes = true;
    bool independent = false;
    std::size_t ballast_bytes = 0;  // That each snapshot holds besides.
    std::function<bool()> pauses;   // Whether another thread goes on in the middle of a command.
    std::function<void(const std::string&)> fail;
    std::function<void(const Notebook&, Lsn, std::string_view)> applying;  // Before it is.
  };
  static constexpr std::string_view kBad = "bad";  // A command that cannot be understood.

  explicit Notebook(const Nature& nature) : nature_(nature) {}

  Status apply(Lsn lsn, ByteView command) override {
    const std::string_view text = command.text();
    if (text == kBad) return {Code::unsupported, "a command of another program"};
    nature_.applying(*this, lsn, text);
    const std::optional<std::uint64_t> key = nature_.independent ? key_of(command) : std::nullopt;
    check_order(lsn, key, text);
    std::size_t& at_it = at_work_[page_of(text)];
    ++at_it;
    if (nature_.pauses()) base::yield();
    --at_it;
    records_.emplace(lsn, text);
    return {};
  }

  Status save(Sink& out) const override { return save(records_, nature_.ballast_bytes, out); }
  Status load(Source& in) override {
    records_.clear();
    newest_on_page_.fill(Lsn());
    for (std::uint64_t left = FORELOG_TRY(get(in)); left > 0; --left) {
      const Lsn lsn(FORELOG_TRY(get(in)));
      std::string command(FORELOG_TRY(get(in)), '\0');
      FORELOG_TRY(in.read_exactly(std::as_writable_bytes(std::span(command))));
      newest_on_page_[page_of(command)] = lsn;
      records_.emplace(lsn, std::move(command));
    }
    std::string ballast(FORELOG_TRY(get(in)), '\0');
    FORELOG_TRY(in.read_exactly(std::as_writable_bytes(std::span(ballast))));
    if (ballast != ballast_of(ballast.size()))
      nature_.fail("a snapshot has other bytes than saved");
    return {};
  }

  std::unique_ptr<Image> freeze() const override {
    if (!nature_.freezes) return nullptr;
    struct Copy final : Image {
      Copy(std::map<Lsn, std::string> copied, std::size_t ballast)
          : records(std::move(copied)), ballast_bytes(ballast) {}
      Status save(Sink& out) const override { return Notebook::save(records, ballast_bytes, out); }
      std::map<Lsn, std::string> records;
      std::size_t ballast_bytes;
    };
    check_quiet();
    return std::make_unique<Copy>(records_, nature_.ballast_bytes);
  }

  bool independent_keys() const override { return nature_.independent; }
  std::optional<std::uint64_t> key_of(ByteView command) const override {
    const std::uint64_t id = id_of(command.text());
    if (id % 16 == 0) return std::nullopt;
    return id % kPages;
  }

  const std::map<Lsn, std::string>& records() const { return records_; }
  Lsn last() const { return records_.empty() ? Lsn() : records_.rbegin()->first; }
  // No command is in the middle of being applied.
  void check_quiet() const {
    for (const std::size_t count : at_work_) {
      if (count != 0) nature_.fail("looked at while a command is applied");
    }
  }

 private:
  static constexpr std::size_t kPages = 8;

  static std::uint64_t id_of(std::string_view text) {
    std::uint64_t id = 0;
    std::from_chars(text.data(), text.data() + text.size(), id);
    return id;
  }
  static std::size_t page_of(std::string_view text) { return id_of(text) % kPages; }

  void check_order(Lsn lsn, std::optional<std::uint64_t> key, std::string_view text) {
    const std::string told = "LSN " + std::to_string(lsn.value) + " is applied ";
    if (!key) {
      check_quiet();
      if (records_.size() + 1 != lsn.value) {
        nature_.fail(told + "behind " + std::to_string(records_.size()) + " others");
      }
    }
    Lsn& newest = newest_on_page_[page_of(text)];
    if (lsn <= newest) nature_.fail(told + "behind LSN " + std::to_string(newest.value));
    if (at_work_[page_of(text)] != 0) nature_.fail(told + "beside another of its key");
    newest = lsn;
  }

  static std::string ballast_of(std::size_t bytes) {
    std::string ballast(bytes, '\0');
    for (std::size_t i = 0; i < bytes; ++i) ballast[i] = static_cast<char>(i * 7 + i / 251);
    return ballast;
  }
  static Status put(Sink& out, std::uint64_t number) {
    std::array<std::byte, 8> bytes;
    base::store_le(bytes.data(), number);
    return out.write(ByteView(std::span<const std::byte>(bytes)));
  }
  static Result<std::uint64_t> get(Source& in) {
    std::array<std::byte, 8> bytes;
    FORELOG_TRY(in.read_exactly(bytes));
    return base::load_le<std::uint64_t>(bytes.data());
  }
  static Status save(const std::map<Lsn, std::string>& records, std::size_t ballast, Sink& out) {
    FORELOG_TRY(put(out, records.size()));
    for (const auto& [lsn, command] : records) {
      FORELOG_TRY(put(out, lsn.value));
      FORELOG_TRY(put(out, command.size()));
      FORELOG_TRY(out.write(command));
    }
    FORELOG_TRY(put(out, ballast));
    return out.write(ballast_of(ballast));
  }

  const Nature& nature_;
  std::map<Lsn, std::string> records_;
  std::array<Lsn, kPages> newest_on_page_{};
  std::array<std::size_t, kPages> at_work_{};  // Commands that are being applied.
};

}  // namespace forelog::sim
