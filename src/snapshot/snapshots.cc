#include "snapshot/snapshots.h"

#include <algorithm>
#include <utility>

#include "base/guarded.h"
#include "base/text.h"
#include "forelog/try.h"
#include "segment/segment_name.h"
#include "snapshot/snapshot_reader.h"
#include "snapshot/snapshot_writer.h"

namespace forelog {

using base::concat;
using base::guarded;

namespace snapshot {

namespace {

constexpr std::string_view kLockName = "LOCK";

Status check_options(const SnapshotOptions& options) {
  if (options.keep == 0) {
    return {Code::invalid_argument, "SnapshotOptions::keep must be 1 or more"};
  }
  if (!format::is_snapshot_kind(options.kind)) {
    return {Code::invalid_argument,
            "SnapshotOptions::kind has up to 32 of [A-Za-z0-9._/-], and no others"};
  }
  if (options.compression == nullptr) return {};
  const std::uint8_t id = options.compression->id();
  if (id != format::kZstdCompression && id < format::kOwnCompression) {
    return {Code::invalid_argument,
            "the id of a compression that is not zstd is one of 128 to 255; others are reserved"};
  }
  return {};
}

std::string compression_name(std::uint8_t id, const Compression* known) {
  if (id == 0) return {};
  if (known != nullptr && known->id() == id) return std::string(known->name());
  return id == format::kZstdCompression ? "zstd" : concat("method ", id);
}

SnapshotInfo info_of(const Listed& listed, const Compression* known) {
  SnapshotInfo info;
  info.lsn = listed.header.lsn;
  info.file = listed.name;
  info.bytes = listed.file_bytes;
  info.time = Timestamp(std::chrono::nanoseconds(listed.header.begun));
  info.kind = listed.header.kind;
  info.log_id = format::to_string(listed.header.log_id);
  info.compression = compression_name(listed.header.compression, known);
  return info;
}

// Why damage, and not an error as in a log's directory: nothing is written to what has this name, and
// the snapshot before it and the log have the same state.
Damage not_a_file(const FileEntry& entry) {
  Damage damage;
  damage.file = entry.name;
  damage.what = concat(
      "not a regular file, but ",
      entry.kind == FileKind::directory ? "a directory" : "a symbolic link or a special file",
      "; move it away");
  return damage;
}

}  // namespace

std::string snapshot_name(Lsn lsn) { return segment::numbered_name(lsn.value, kSnapshotSuffix); }

std::optional<Lsn> parse_snapshot_name(std::string_view name) {
  const auto number = segment::parse_numbered_name(name, kSnapshotSuffix);
  return number ? std::optional(Lsn(*number)) : std::nullopt;
}

}  // namespace snapshot

using snapshot::Listed;

Result<std::vector<Listed>> Snapshots::Impl::list(std::vector<Damage>* damaged) const {
  // A name that leads nowhere, made by someone, stays as it is.
  for (int left = 10;; --left) {
    std::vector<Damage> seen;
    auto found = FORELOG_TRY(list_once(seen, left == 0));
    if (!found) continue;
    if (damaged != nullptr) damaged->insert(damaged->end(), seen.begin(), seen.end());
    return *std::move(found);
  }
}

// Nullopt: one was removed meanwhile, for the sake of a newer one that may not have been there yet.
Result<std::optional<std::vector<Listed>>> Snapshots::Impl::list_once(std::vector<Damage>& damaged,
                                                                      bool pass_over) const {
  using Found = std::optional<std::vector<Listed>>;
  std::vector<Listed> found;
  std::vector<FileEntry> entries = FORELOG_TRY(dir->list());
  std::reverse(entries.begin(), entries.end());
  for (const FileEntry& entry : entries) {
    if (!snapshot::parse_snapshot_name(entry.name)) continue;
    if (entry.kind != FileKind::regular) {
      damaged.push_back(snapshot::not_a_file(entry));
      continue;
    }
    std::optional<Damage> damage;
    auto header = snapshot::read_header(*dir, entry.name, &damage);
    if (!header && header.error().code() == Code::not_found) {
      if (pass_over) continue;
      return Found();
    }
    if (damage) damaged.push_back(*std::move(damage));
    if (!header && header.error().code() == Code::corrupt) continue;
    if (!header) return header.error();
    found.push_back({entry.name, entry.bytes, *std::move(header)});
  }
  return Found(std::move(found));
}

Status Snapshots::Impl::check_identity(const Listed& listed, std::string_view log_id) const {
  const auto refuse = [&](std::string_view what, std::string_view its, std::string_view ours) {
    return Status(
        Code::invalid_argument,
        concat(dir->path().string(), "/", listed.name, ": a snapshot of another ", what, ", ", its,
               ", and not of ", ours, "; was a directory mistaken? Nothing was changed"));
  };
  const std::string its_log = format::to_string(listed.header.log_id);
  if (!log_id.empty() && log_id != its_log) return refuse("log", its_log, log_id);
  const std::string& its_kind = listed.header.kind;
  if (!options.kind.empty() && !its_kind.empty() && its_kind != options.kind) {
    return refuse("kind of state", its_kind, options.kind);
  }
  return {};
}

Status Snapshots::Impl::clean() {
  std::uint64_t newest_bytes = 0;
  for (const FileEntry& entry : FORELOG_TRY(dir->list())) {
    if (entry.kind != FileKind::regular) continue;
    if (snapshot::parse_snapshot_name(entry.name)) newest_bytes = entry.bytes;
    if (entry.name.ends_with(segment::kTemporarySuffix) && entry.name != snapshot::kNextName) {
      FORELOG_TRY(dir->remove(entry.name));
    }
  }
  make_room(newest_bytes);
  // Also for those who came before: one may have died between giving a snapshot its name and this.
  FORELOG_TRY(dir->sync());
  names_synced = true;
  return {};
}

void Snapshots::Impl::note_damaged(Lsn lsn) const {
  base::MutexLock guard(damaged_mutex);
  damaged_lsns.insert(lsn);
}

void Snapshots::Impl::forget_damaged(Lsn lsn) {
  base::MutexLock guard(damaged_mutex);
  damaged_lsns.erase(lsn);
}

bool Snapshots::Impl::known_damaged(Lsn lsn) const {
  base::MutexLock guard(damaged_mutex);
  return damaged_lsns.contains(lsn);
}

Result<Lsn> Snapshots::Impl::prune() {
  std::vector<Listed> found = FORELOG_TRY(list(nullptr));
  std::erase_if(found, [this](const Listed& one) { return known_damaged(one.header.lsn); });
  if (found.empty()) return Status(Code::corrupt, "the snapshot that was just made is not there");
  const Lsn oldest = found[std::min(options.keep, found.size()) - 1].header.lsn;
  for (const FileEntry& entry : FORELOG_TRY(dir->list())) {
    const auto lsn = snapshot::parse_snapshot_name(entry.name);
    // What is no file was not made here.
    if (!lsn || *lsn >= oldest || entry.kind != FileKind::regular) continue;
    names_synced = false;
    FORELOG_TRY(dir->remove(entry.name));
  }
  // Also for an earlier attempt: a name that comes back after the log was trimmed has no log behind it.
  if (!names_synced) FORELOG_TRY(dir->sync());
  names_synced = true;
  return oldest;
}

void Snapshots::Impl::make_room(std::uint64_t bytes) {
  // Why a quarter: states grow.
  reserve(options.reserve ? bytes + bytes / 4 : 0);
}

void Snapshots::Impl::keep_room(const Status& why) {
  // A file that the disk has failed with is not tried again.
  reserve(why.code() == Code::io_error ? 0 : room);
}

// Room is a help: where there is none now, the next snapshot asks for space as it goes.
void Snapshots::Impl::reserve(std::uint64_t bytes) {
  room = bytes;
  if (bytes != 0 && guarded([&] { return allocate(bytes); }).ok()) return;
  room = 0;
  (void)guarded([&] { return dir->remove(snapshot::kNextName); });
}

Status Snapshots::Impl::allocate(std::uint64_t bytes) {
  auto file = dir->open(snapshot::kNextName, OpenMode::read_write);
  if (!file && file.error().code() == Code::not_found) {
    file = dir->open(snapshot::kNextName, OpenMode::create_new);
  }
  if (!file) return file.error();
  if (FORELOG_TRY((*file)->size()) > bytes) FORELOG_TRY((*file)->truncate(bytes));
  return (*file)->allocate(bytes);
}

Snapshots::Snapshots(std::unique_ptr<Impl> impl) noexcept : impl_(std::move(impl)) {}
Snapshots::Snapshots(Snapshots&&) noexcept = default;
Snapshots& Snapshots::operator=(Snapshots&&) noexcept = default;
Snapshots::~Snapshots() = default;

Result<Snapshots> Snapshots::open(const std::filesystem::path& dir, SnapshotOptions options) {
  return guarded([&]() -> Result<Snapshots> {
    FORELOG_TRY(snapshot::check_options(options));
    FileSystem& file_system =
        options.file_system != nullptr ? *options.file_system : posix_file_system();
    auto impl = std::make_unique<Impl>(file_system, std::move(options));
    const bool create = impl->options.create_if_missing && !impl->options.read_only;
    impl->dir = FORELOG_TRY(file_system.open_directory(dir, create));
    if (!impl->options.read_only) {
      impl->lock = FORELOG_TRY(impl->dir->lock(snapshot::kLockName));
      base::MutexLock guard(impl->mutex);
      FORELOG_TRY(impl->clean());
    }
    return Snapshots(std::move(impl));
  });
}

Result<std::vector<SnapshotInfo>> Snapshots::list(std::vector<Damage>* damaged) const {
  return guarded([&]() -> Result<std::vector<SnapshotInfo>> {
    std::vector<SnapshotInfo> infos;
    for (const Listed& listed : FORELOG_TRY(impl_->list(damaged))) {
      infos.push_back(snapshot::info_of(listed, impl_->options.compression));
    }
    return infos;
  });
}

Status Snapshots::verify(Lsn lsn) const {
  return guarded([&]() -> Status {
    std::optional<Damage> damage;
    auto reader = snapshot::SnapshotReader::open(*impl_->dir, snapshot::snapshot_name(lsn),
                                                 impl_->options.compression, &damage);
    Status status = reader ? (*reader)->finish() : reader.error();
    if (damage) impl_->note_damaged(lsn);
    return status;
  });
}

}  // namespace forelog
