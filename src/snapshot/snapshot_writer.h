// SnapshotWriter: writes a state into a temporary file, block by block, and gives it its name when it
// is whole. Implements docs/format.md, "Snapshots".
// Threading: one thread at a time.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <string_view>
#include <vector>

#include "base/simulation.h"
#include "forelog/compression.h"
#include "forelog/file_system.h"
#include "forelog/state_machine.h"
#include "forelog/status.h"
#include "format/snapshot_block.h"
#include "format/snapshot_header.h"

namespace forelog::snapshot {

// What a snapshot is written to before it is one: half a snapshot, after a crash; or, with blocks
// reserved, room for the next. Its bytes are never read.
inline constexpr std::string_view kNextName = "next.tmp";

struct WriterOptions {
  const Compression* compression = nullptr;
  std::uint64_t bytes_per_second_max = 0;  // 0: no limit.
  // Of the state in one block: enough for a codec to find what repeats, and little memory for a reader.
  std::uint32_t block_bytes = 256 * KiB;
  // So much is written, around the page cache where that can be, and synced at a time; a multiple of
  // File::kBlockBytes. Why: a record that is to be synced meanwhile waits until the device has taken
  // what was handed to it before. Larger pieces make a snapshot sooner, and such records later.
  std::size_t piece_bytes = 512 * KiB;
};

class SnapshotWriter final : public Sink {
 public:
  // Opens the file kNextName, or makes it. What `options` say of the header is filled in here.
  static Result<std::unique_ptr<SnapshotWriter>> begin(Directory& dir,
                                                       format::SnapshotHeader header,
                                                       const WriterOptions& options);

  Status write(ByteView bytes) override;

  // Durability: when this returns a size, that of the file, the snapshot is there after any crash; when
  // it fails, or a crash cuts it short, it is there whole or not at all, and so is the one of the same
  // LSN that it replaces. After an error of write the same error.
  Result<std::uint64_t> publish();
  // Whether publish() came as far as to give the file its name.
  bool named() const { return named_; }

 private:
  SnapshotWriter(Directory& dir, const WriterOptions& options);
  Status start(format::SnapshotHeader header);
  Status take(ByteView bytes);
  Status put_block(ByteView raw);
  Status put(format::SnapshotBlock block, ByteView body);
  Status append(ByteView bytes);
  Status put_end();
  void pace() const;

  Directory& dir_;
  const WriterOptions options_;
  const base::SteadyTime begun_;
  std::unique_ptr<File> file_;
  Lsn lsn_;

  std::uint64_t key_ = 0;
  std::uint64_t offset_ = 0;  // Where the next block goes.
  // What is not written yet: the last bytes before offset_, less than a piece.
  struct Free {
    void operator()(std::byte* memory) const { ::operator delete(memory, kAlignment); }
  };
  static constexpr std::align_val_t kAlignment{File::kBlockBytes};
  std::unique_ptr<std::byte[], Free> piece_;
  std::size_t pending_ = 0;
  format::SnapshotEnd seen_;
  std::vector<std::byte> raw_;         // A block that is not full yet.
  std::vector<std::byte> compressed_;  // Of Compression::bound() bytes.
  Status failed_;
  bool named_ = false;
};

}  // namespace forelog::snapshot
