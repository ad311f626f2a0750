// What tests of snapshots are written in: a state that is easy to compare, a codec that is easy to
// understand, and snapshots of bytes that are given.
// Threading: none.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/endian.h"
#include "forelog/memory_file_system.h"
#include "forelog/snapshot.h"
#include "forelog/try.h"
#include "log/test_disk.h"
#include "snapshot/snapshot_reader.h"
#include "snapshot/snapshot_writer.h"
#include "snapshot/snapshots.h"

namespace forelog::testing {

inline const std::filesystem::path kSnapshotDir = "/snapshots";

// All commands so far, in order.
class ListState final : public StateMachine {
 public:
  std::vector<std::string> commands;

  Status apply(Lsn /*lsn*/, ByteView command) override {
    commands.emplace_back(command.text());
    return {};
  }
  Status save(Sink& out) const override {
    FORELOG_TRY(put(out, commands.size()));
    for (const std::string& command : commands) {
      FORELOG_TRY(put(out, command.size()));
      FORELOG_TRY(out.write(command));
    }
    return {};
  }
  Status load(Source& in) override {
    commands.clear();
    const std::uint64_t count = FORELOG_TRY(get(in));
    for (std::uint64_t i = 0; i < count; ++i) {
      std::string command(FORELOG_TRY(get(in)), '\0');
      FORELOG_TRY(in.read_exactly(std::as_writable_bytes(std::span(command))));
      commands.push_back(std::move(command));
    }
    return {};
  }

 private:
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
};

// Runs of one byte become (length, byte). What has no runs grows to twice its size.
class RunLength final : public Compression {
 public:
  explicit RunLength(std::uint8_t id = 200) : id_(id) {}
  std::uint8_t id() const noexcept override { return id_; }
  std::string_view name() const noexcept override { return "runs"; }
  std::size_t bound(std::size_t bytes) const noexcept override { return 2 * bytes; }
  Result<std::size_t> compress(ByteView from, std::span<std::byte> to) const override {
    std::size_t put = 0;
    for (std::size_t at = 0; at < from.size();) {
      std::size_t run = 1;
      while (run < 255 && at + run < from.size() && from[at + run] == from[at]) ++run;
      to[put++] = static_cast<std::byte>(run);
      to[put++] = from[at];
      at += run;
    }
    return put;
  }
  Status decompress(ByteView from, std::span<std::byte> to) const override {
    std::size_t put = 0;
    for (std::size_t at = 0; at + 1 < from.size(); at += 2) {
      const auto run = std::to_integer<std::size_t>(from[at]);
      if (run > to.size() - put) return {Code::corrupt, "more runs than there is room"};
      std::fill_n(to.begin() + static_cast<std::ptrdiff_t>(put), run, from[at + 1]);
      put += run;
    }
    if (put != to.size()) return {Code::corrupt, "fewer runs than there is room"};
    return {};
  }

 private:
  std::uint8_t id_;
};

inline format::SnapshotHeader header_of(std::uint64_t lsn) {
  format::SnapshotHeader header;
  header.log_id = *format::parse_log_id("00112233445566778899aabbccddeeff");
  header.salt = 0x5a17'0000 + lsn;
  header.lsn = Lsn(lsn);
  header.begun = 1'000'000'000;
  header.record = {lsn * 7, 999'999'999};
  header.kind = "test";
  return header;
}

// Makes a snapshot of these bytes, handed over in parts of that many.
inline Status put_snapshot(Directory& dir, const format::SnapshotHeader& header, ByteView state,
                           const snapshot::WriterOptions& options = {},
                           std::size_t part = SIZE_MAX) {
  auto writer = FORELOG_TRY(snapshot::SnapshotWriter::begin(dir, header, options));
  while (!state.empty()) {
    const std::size_t bytes = std::min(part, state.size());
    FORELOG_TRY(writer->write(state.first(bytes)));
    state = state.subspan(bytes);
  }
  FORELOG_TRY(writer->publish());
  return {};
}

// The state in the snapshot of that name, when every byte of the file verifies.
inline Result<std::string> get_snapshot(Directory& dir, std::string_view name,
                                        const Compression* compression = nullptr,
                                        std::optional<Damage>* damage = nullptr,
                                        std::size_t part = 1000) {
  auto reader = FORELOG_TRY(snapshot::SnapshotReader::open(dir, name, compression, damage));
  std::string state;
  std::string some(part, '\0');
  while (true) {
    const std::size_t got = FORELOG_TRY(reader->read(std::as_writable_bytes(std::span(some))));
    state.append(some, 0, got);
    if (got < some.size()) break;
  }
  FORELOG_TRY(reader->finish());
  return state;
}

}  // namespace forelog::testing
