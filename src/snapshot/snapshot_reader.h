// SnapshotReader: the state in one snapshot, of which every byte that it hands out has been verified.
// Implements docs/format.md, "Snapshots".
// Threading: one thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "forelog/compression.h"
#include "forelog/file_system.h"
#include "forelog/report.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"
#include "format/snapshot_block.h"
#include "format/snapshot_header.h"

namespace forelog::snapshot {

// The header alone, which verifies and is of the LSN that the name says. Errors and `damage`: as of
// SnapshotReader::open.
Result<format::SnapshotHeader> read_header(Directory& dir, std::string_view name,
                                           std::optional<Damage>* damage);

class SnapshotReader final : public Source {
 public:
  // Checks the header. `compression` may be null, where none was used. Whenever open, read or finish
  // finds that the file is damaged, and so returns `corrupt`, it also tells `damage`, if that is not
  // null; it must live as long as the reader.
  // Errors: corrupt, unsupported (a newer format; another compression than the one given), not_found,
  // no_space (memory), io_error. The last three say nothing about the snapshot.
  static Result<std::unique_ptr<SnapshotReader>> open(Directory& dir, std::string_view name,
                                                      const Compression* compression,
                                                      std::optional<Damage>* damage = nullptr);

  const format::SnapshotHeader& header() const { return header_; }
  std::uint64_t file_bytes() const { return file_bytes_; }

  Result<std::size_t> read(std::span<std::byte> to) override;

  // Reads and checks what was not read yet. Ok: every byte of the file verifies, and nothing is missing.
  Status finish();

 private:
  friend Result<format::SnapshotHeader> read_header(Directory& dir, std::string_view name,
                                                    std::optional<Damage>* damage);

  SnapshotReader(std::string path, std::string name, std::optional<Damage>* damage)
      : path_(std::move(path)), name_(std::move(name)), damage_(damage) {}
  static Result<std::unique_ptr<SnapshotReader>> open_file(Directory& dir, std::string_view name,
                                                           std::optional<Damage>* damage);
  Status take_header();
  Status prepare(const Compression* compression);
  Status next_block();
  Status read_body(const format::SnapshotBlock& block, std::uint64_t seed);
  Status read_end(const format::SnapshotBlock& block, std::uint64_t seed);
  Status read_from_file(std::uint64_t skip, std::span<std::byte> to, std::string_view what);
  Status corrupt(std::uint64_t offset, std::string_view what);

  std::string path_, name_;
  std::optional<Damage>* damage_;
  std::unique_ptr<File> file_;
  std::uint64_t file_bytes_ = 0;
  format::SnapshotHeader header_;
  const Compression* compression_ = nullptr;  // Null: none is needed.

  std::uint64_t key_ = 0;
  std::uint64_t offset_ = 0;  // Of the next block.
  format::SnapshotEnd seen_;  // What the end mark has to say.
  std::vector<std::byte> stored_, raw_;
  ByteView block_;  // What was not yet handed out of the last block.
  bool at_end_ = false;
  Status failed_;  // What the first failure said; every later call repeats it.
};

}  // namespace forelog::snapshot
