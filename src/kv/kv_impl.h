// What is behind a Kv: the Durable that logs its writes, the clock, and the housekeeper.
//
// Threading: as kv.h says.
#pragma once

#include <atomic>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "forelog/file_system.h"
#include "forelog/kv.h"
#include "kv/housekeeper.h"
#include "kv/state.h"

namespace forelog {

struct Kv::Impl {
  Impl(std::filesystem::path dir, KvOptions options);

  Status open();

  Status check_writable() const;
  // Whether a write of these longest key and value, of so many bytes in all, is within the limits.
  Status check(std::uint64_t key_bytes, std::uint64_t value_bytes, std::uint64_t bytes) const;
  Result<Lsn> write(const kv::Operation& operation, const KvWriteOptions& write_options);
  Result<KvOutcome> submit(const std::string& command, const KvWriteOptions& write_options);
  Status tick();
  Result<KvStats> stats() const;

  // Never goes back while the store is open, nor behind what the commands in the log told, so that what a
  // reader no longer sees is absent to a write that comes later.
  Timestamp now() const;

  const std::filesystem::path dir;
  const KvOptions options;
  FileSystem& file_system;
  std::optional<Durable<kv::KvState>> durable;
  std::shared_ptr<kv::Table> table;
  mutable std::atomic<Timestamp::rep> latest{0};
  std::optional<kv::Housekeeper> housekeeper;  // Ends first.
};

}  // namespace forelog
