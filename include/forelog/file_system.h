// FileSystem: the one door through which Forelog touches a disk, small enough that a user can
// write one. Three come with the library: posix_file_system() here, MemoryFileSystem (a disk in
// memory that can lose power) and FaultFileSystem (any other one, failing on command), so that
// programs that embed a log can be tested against a failing disk too.
//
// Threading: a FileSystem and a Directory may be used from several threads. A File may be read and
// written by several threads at once as long as the byte ranges do not overlap.
// Errors: io_error, no_space (ENOSPC, EDQUOT, EFBIG), not_found, busy, invalid_argument (a name
// that is not a plain file name; a symbolic link or special file where a file is expected, a file
// where a directory is). Messages name the path and the system's own error text.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/export.h"
#include "forelog/lsn.h"
#include "forelog/status.h"

namespace forelog {

enum class OpenMode : std::uint8_t {
  read_only,
  read_write,
  create_new,  // Fails with busy when the name exists.
};

// An open regular file. Destroying it closes the descriptor and drops any error of that: what was
// not synced was never promised.
class FORELOG_EXPORT File {
 public:
  virtual ~File() = default;

  // Reads to.size() bytes from `offset`, fewer only where the file ends; 0 at or behind its end.
  virtual Result<std::size_t> read_at(std::uint64_t offset, std::span<std::byte> to) const = 0;

  // Writes all the parts, one behind the other, from `offset`. On an error any part of them may
  // have been written. Interrupted and short writes are carried on with. A process that sets
  // RLIMIT_FSIZE gets SIGXFSZ from the system, and no_space only when it ignores that signal.
  virtual Status write_at(std::uint64_t offset, std::span<const ByteView> parts) = 0;
  Status write_at(std::uint64_t offset, ByteView bytes) { return write_at(offset, {&bytes, 1}); }

  // Durability: on return everything written to this file, and the size needed to read it back,
  // is on stable storage (fdatasync). After a failure, whatever its code, what had been written may
  // be lost even when a later sync succeeds: never retry it.
  virtual Status sync_data() = 0;

  // Whole blocks, written and synced in one step; elsewhere the file is as write_at() leaves it.
  // `offset`, bytes.size() and the address of the bytes are multiples of kBlockBytes.
  // Durability: on return these bytes are on stable storage; what was written before by write_at()
  // still needs sync_data(). After a failure: as after one of sync_data().
  virtual Status write_synced(std::uint64_t offset, ByteView bytes) {
    Status status = write_at(offset, bytes);
    return status.ok() ? sync_data() : status;
  }
  // Whether that is one request to the device, around the page cache, and so worth a try: what it
  // wrote has to be read from the device.
  virtual bool writes_directly() { return false; }
  static constexpr std::size_t kBlockBytes = 4096;

  // Reserves blocks for [0, bytes) and extends the file to at least `bytes`; new bytes read as
  // zeros. Later writes below `bytes` do not run out of space, except on copy-on-write file
  // systems. Where the file system cannot reserve, the file is only extended.
  virtual Status allocate(std::uint64_t bytes) = 0;

  virtual Status truncate(std::uint64_t bytes) = 0;
  virtual Result<std::uint64_t> size() const = 0;

  // A bell between processes. watch() returns at once when the 32-bit word at `offset` (a multiple
  // of 4, below 4096 and below the end of the file), in this machine's byte order, is not `seen`;
  // otherwise when wake_watchers() is called on that offset of the same file through any handle of
  // any process on this machine, when `timeout` passes, or for no reason. So: write the word, then
  // wake. A handle that may only read can watch. On a file system without mappings the word itself
  // is looked at every 500 us instead.
  virtual void watch(std::uint64_t offset, std::uint32_t seen,
                     std::chrono::microseconds timeout) const = 0;
  virtual void wake_watchers(std::uint64_t offset) = 0;
  // Whether the last wake_watchers() of this handle found an open handle that has watched, or may
  // have. Cheap. One that cannot tell says yes.
  virtual bool watched() const { return true; }
};

// Held as long as it lives, across every thread of the process; gone with the process.
class FORELOG_EXPORT DirectoryLock {
 public:
  virtual ~DirectoryLock() = default;
};

enum class FileKind : std::uint8_t { regular, directory, other };

struct FileEntry {
  std::string name;
  FileKind kind = FileKind::regular;
  std::uint64_t bytes = 0;
  std::uint64_t names = 1;  // Of a regular file: more than one where it has hard links.
};

// An open directory. Names are plain: 1 to 255 bytes, no '/', not "." or "..". Symbolic links are
// never followed.
class FORELOG_EXPORT Directory {
 public:
  virtual ~Directory() = default;

  virtual const std::filesystem::path& path() const = 0;  // For messages.

  // A regular file; for read_write, one without further names (hard links).
  virtual Result<std::unique_ptr<File>> open(std::string_view name, OpenMode mode) = 0;
  virtual Result<std::vector<FileEntry>> list() = 0;  // In order of name; without "." and "..".
  virtual Status rename(std::string_view from, std::string_view to) = 0;  // Replaces a file `to`.
  virtual Status remove(std::string_view name) = 0;                       // Not a directory.

  // Durability: names that were created, moved or removed in this directory are so on stable
  // storage on return.
  virtual Status sync() = 0;

  // A directory in this one. With `create`, makes it when missing and syncs this one.
  virtual Result<std::unique_ptr<Directory>> open_directory(std::string_view name, bool create) = 0;

  // Takes the exclusive lock on the file `name`, made when missing; `busy` when anyone else holds
  // it, in this process or another. A forked child holds it with its parent, until both have ended
  // or called exec, or the parent has let go of it.
  virtual Result<std::unique_ptr<DirectoryLock>> lock(std::string_view name) = 0;
  // Whether anyone holds it; no one, when the file is missing. Needs only read permission, and
  // disturbs no one who tries to lock.
  virtual Result<bool> locked(std::string_view name) = 0;

  // Whether a write over existing blocks goes to those blocks. False on copy-on-write file
  // systems, where files gain nothing from being written ahead and used again.
  virtual bool overwrites_in_place() { return true; }

  // What a person should know about who else may write here, a sentence each: none, as a rule.
  virtual std::vector<std::string> concerns() { return {}; }

  // Bytes that can still be written in this file system by this user.
  virtual Result<std::uint64_t> free_bytes() = 0;
};

class FORELOG_EXPORT FileSystem {
 public:
  virtual ~FileSystem() = default;

  // With `create`, makes the directory (its parent must exist) when it is missing, and
  // syncs the parent in any case: an earlier process may have died between the two. The parents may
  // be symbolic links, the directory itself may not.
  virtual Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& path,
                                                            bool create) = 0;

  // The clock and the dice, so that a simulated disk can bring its own.
  virtual Timestamp now();
  virtual std::uint64_t random();
};

// The real one. Lives for ever. Directories that it makes have mode 0700 and files 0600, whatever the
// umask. A directory of exactly mode 0750 (or 2750) that it finds asks for a log that its group may
// read: what is made in it has 0750 and 0640.
FORELOG_EXPORT FileSystem& posix_file_system();

}  // namespace forelog
