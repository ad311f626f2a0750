#define FUSE_USE_VERSION 35
#include "crash/fuse_disk.h"

#include <fuse_lowlevel.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <map>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "crash/fuse_inodes.h"
#include "crash/private_mounts.h"
#include "forelog/try.h"

namespace forelog::crash_test {
namespace {

using base::MutexLock;

// Nothing changes but through this mount: what the kernel knows stays true.
constexpr double kKnownForSeconds = 1e6;
constexpr blksize_t kBlockBytes = 4096;
// In a listing, whose inodes nobody asks for; not 0, which means that there is no entry.
constexpr ino_t kAnyInode = 0xffffffff;

int error_of(const Status& status) {
  switch (status.code()) {
    case Code::ok: return 0;
    case Code::not_found: return ENOENT;
    case Code::busy: return EEXIST;
    case Code::no_space: return ENOSPC;
    case Code::invalid_argument: return EINVAL;
    default: return EIO;
  }
}

// Decides when the disk stops. Any thread.
class StopSwitch {
 public:
  void stop_before(std::uint64_t operations, const FuseDisk::Stop& stop) {
    const MutexLock lock(mutex_);
    operations_left_ = operations;
    planned_ = stop;
  }
  void stop_now(const FuseDisk::Stop& stop) {
    const MutexLock lock(mutex_);
    stop_once(stop);
  }
  void count_operation() {
    const MutexLock lock(mutex_);
    if (operations_left_ > 0 && --operations_left_ == 0) stop_once(planned_);
  }
  bool has_stopped() const { return stopped_; }

 private:
  void stop_once(const FuseDisk::Stop& stop) FORELOG_REQUIRES(mutex_) {
    if (stopped_) return;
    stop();
    stopped_ = true;
  }

  base::Mutex mutex_;
  std::uint64_t operations_left_ FORELOG_GUARDED_BY(mutex_) = 0;  // 0: no stop is planned.
  FuseDisk::Stop planned_ FORELOG_GUARDED_BY(mutex_);
  std::atomic<bool> stopped_ = false;
};

void reply(fuse_req_t request, const Status& status) { fuse_reply_err(request, error_of(status)); }

}  // namespace

// Answers the kernel.
class FuseDisk::Server {
 public:
  Server(MemoryFileSystem& disk, std::unique_ptr<Directory> root, Syncs syncs)
      : disk_(disk), syncs_(syncs), inodes_(std::move(root)) {}
  ~Server() {
    if (thread_.joinable()) {
      // Why before libfuse does: it would close the descriptor that the thread reads.
      static_cast<void>(unmount(place_));
      thread_.join();
    }
    if (session_ != nullptr) {
      fuse_session_unmount(session_);
      fuse_session_destroy(session_);
    }
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  Status start(const std::filesystem::path& place) {
    static const fuse_lowlevel_ops kOperations = operations();
    std::string name = "forelog_disk";
    char* argument = name.data();
    fuse_args arguments = FUSE_ARGS_INIT(1, &argument);
    session_ = fuse_session_new(&arguments, &kOperations, sizeof kOperations, this);
    fuse_opt_free_args(&arguments);
    if (session_ == nullptr) return {Code::unsupported, "libfuse3 cannot start"};
    if (fuse_session_mount(session_, place.c_str()) != 0) {
      return {Code::unsupported, "libfuse3 cannot mount (see its message above)"};
    }
    place_ = place;
    thread_ = std::thread([this] { fuse_session_loop(session_); });
    // Why: until the kernel has asked once, it takes the root for root's, who is nobody that it
    // knows in a user namespace, and lets no one write there.
    struct stat root {};
    if (::stat(place.c_str(), &root) != 0) return {Code::unsupported, "the mount does not answer"};
    return {};
  }

  StopSwitch& stop_switch() { return switch_; }

 private:
  static fuse_lowlevel_ops operations();

  // ── What the operations do ──

  Result<fuse_ino_t> look_up(fuse_ino_t parent, const std::string& name) {
    if (const auto known = inodes_.find(parent, name)) return *known;
    Directory& directory = *inodes_.at(parent).directory;
    const std::vector<FileEntry> entries = FORELOG_TRY(directory.list());
    const auto entry = std::find_if(entries.begin(), entries.end(),
                                    [&](const FileEntry& each) { return each.name == name; });
    if (entry == entries.end()) return Status(Code::not_found, name);
    Inode inode;
    inode.path = inodes_.at(parent).path / name;
    if (entry->kind == FileKind::directory) {
      inode.directory = FORELOG_TRY(directory.open_directory(name, false));
    } else {
      inode.file = FORELOG_TRY(directory.open(name, OpenMode::read_write));
    }
    return inodes_.add(parent, name, std::move(inode));
  }

  Result<fuse_ino_t> create(fuse_ino_t parent, const std::string& name) {
    switch_.count_operation();
    Inode inode;
    inode.path = inodes_.at(parent).path / name;
    inode.file = FORELOG_TRY(inodes_.at(parent).directory->open(name, OpenMode::create_new));
    return inodes_.add(parent, name, std::move(inode));
  }

  Result<fuse_ino_t> make_directory(fuse_ino_t parent, const std::string& name) {
    switch_.count_operation();
    FORELOG_TRY(alive());
    FORELOG_TRY(disk_.make_directory(inodes_.at(parent).path / name));
    return look_up(parent, name);
  }

  Status rename(fuse_ino_t parent, const std::string& from, fuse_ino_t new_parent,
                const std::string& to, unsigned flags) {
    if (parent != new_parent || flags != 0) return {Code::invalid_argument, "rename"};
    switch_.count_operation();
    FORELOG_TRY(inodes_.at(parent).directory->rename(from, to));
    inodes_.rename(parent, from, to);
    return {};
  }

  Status remove(fuse_ino_t parent, const std::string& name) {
    switch_.count_operation();
    FORELOG_TRY(inodes_.at(parent).directory->remove(name));
    inodes_.take_name(parent, name);
    return {};
  }

  Status sync_file(fuse_ino_t number) {
    switch_.count_operation();
    return syncs_ == Syncs::data_lies ? alive() : inodes_.at(number).file->sync_data();
  }
  Status sync_directory(fuse_ino_t number) {
    switch_.count_operation();
    return syncs_ == Syncs::names_lie ? alive() : inodes_.at(number).directory->sync();
  }
  Status alive() const {
    return switch_.has_stopped() ? Status(Code::io_error, "the disk has stopped") : Status();
  }

  Result<struct stat> attributes(fuse_ino_t number) {
    const Inode& inode = inodes_.at(number);
    struct stat found {};
    found.st_ino = number;
    found.st_uid = ::getuid();
    found.st_gid = ::getgid();
    found.st_blksize = kBlockBytes;
    found.st_mode = inode.directory != nullptr ? S_IFDIR | 0700 : S_IFREG | 0600;
    found.st_nlink = inode.named ? 1 : 0;
    if (inode.file != nullptr) {
      const std::uint64_t bytes = FORELOG_TRY(inode.file->size());
      found.st_size = static_cast<off_t>(bytes);
    }
    return found;
  }

  // ── Answers ──

  // Tells the kernel of an inode, opened in the same breath with `opened`.
  void reply_inode(fuse_req_t request, const Result<fuse_ino_t>& number,
                   const fuse_file_info* opened = nullptr) {
    if (!number) return reply(request, number.error());
    const Result<struct stat> found = attributes(*number);
    if (!found) return reply(request, found.error());
    fuse_entry_param entry{};
    entry.ino = *number;
    entry.attr = *found;
    entry.attr_timeout = entry.entry_timeout = kKnownForSeconds;
    ++inodes_.at(*number).lookups;
    const int sent = opened != nullptr ? fuse_reply_create(request, &entry, opened)
                                       : fuse_reply_entry(request, &entry);
    if (sent != 0) inodes_.forget(*number, 1);  // Interrupted: nobody has heard of it.
  }

  void reply_attributes(fuse_req_t request, fuse_ino_t number) {
    const Result<struct stat> found = attributes(number);
    if (!found) return reply(request, found.error());
    fuse_reply_attr(request, &*found, kKnownForSeconds);
  }

  void set_attributes(fuse_req_t request, fuse_ino_t number, const struct stat& to, int which) {
    if ((which & FUSE_SET_ATTR_SIZE) != 0) {
      switch_.count_operation();
      const Status done = inodes_.at(number).file->truncate(static_cast<std::uint64_t>(to.st_size));
      if (!done.ok()) return reply(request, done);
    }
    reply_attributes(request, number);  // Modes, owners and times are none of its business.
  }

  void read(fuse_req_t request, fuse_ino_t number, std::size_t bytes, off_t offset) {
    std::vector<std::byte> buffer(bytes);
    const auto got = inodes_.at(number).file->read_at(static_cast<std::uint64_t>(offset), buffer);
    if (!got) return reply(request, got.error());
    fuse_reply_buf(request, reinterpret_cast<const char*>(buffer.data()), *got);
  }

  void write(fuse_req_t request, fuse_ino_t number, std::string_view bytes, off_t offset) {
    switch_.count_operation();
    const Status done =
        inodes_.at(number).file->write_at(static_cast<std::uint64_t>(offset), ByteView(bytes));
    if (!done.ok()) return reply(request, done);
    fuse_reply_write(request, bytes.size());
  }

  Status allocate(fuse_ino_t number, int mode, off_t offset, off_t bytes) {
    switch_.count_operation();
    if (mode != 0) return {Code::invalid_argument, "fallocate"};
    return inodes_.at(number).file->allocate(static_cast<std::uint64_t>(offset + bytes));
  }

  // What is listed is what was there when the directory was opened.
  void open_directory(fuse_req_t request, fuse_ino_t number, fuse_file_info* info) {
    auto entries = inodes_.at(number).directory->list();
    if (!entries) return reply(request, entries.error());
    info->fh = ++last_listing_;
    listings_[info->fh] = *std::move(entries);
    if (fuse_reply_open(request, info) != 0) listings_.erase(info->fh);
  }
  void list(fuse_req_t request, std::size_t bytes, off_t from, const fuse_file_info* info) {
    const std::vector<FileEntry>& entries = listings_.at(info->fh);
    std::vector<char> buffer(bytes);
    std::size_t used = 0;
    for (auto at = static_cast<std::size_t>(from); at < entries.size(); ++at) {
      struct stat found {};
      found.st_ino = kAnyInode;
      found.st_mode = entries[at].kind == FileKind::directory ? S_IFDIR : S_IFREG;
      const std::size_t needed =
          fuse_add_direntry(request, buffer.data() + used, buffer.size() - used,
                            entries[at].name.c_str(), &found, static_cast<off_t>(at + 1));
      if (needed > buffer.size() - used) break;
      used += needed;
    }
    fuse_reply_buf(request, buffer.data(), used);
  }

  void tell_space(fuse_req_t request) {
    const auto free = inodes_.at(Inodes::kRoot).directory->free_bytes();
    if (!free) return reply(request, free.error());
    struct statvfs found {};
    found.f_bsize = found.f_frsize = kBlockBytes;
    found.f_bfree = found.f_bavail = *free / kBlockBytes;
    found.f_blocks = found.f_bfree;
    found.f_namemax = 255;
    fuse_reply_statfs(request, &found);
  }

  MemoryFileSystem& disk_;
  const Syncs syncs_;
  StopSwitch switch_;
  Inodes inodes_;
  std::map<std::uint64_t, std::vector<FileEntry>> listings_;  // Of each directory that is open.
  std::uint64_t last_listing_ = 0;
  fuse_session* session_ = nullptr;
  std::filesystem::path place_;
  std::thread thread_;
};

// What is not here (open, release, flush, locks, extended attributes) libfuse and the kernel answer
// by themselves.
fuse_lowlevel_ops FuseDisk::Server::operations() {
  using Request = fuse_req_t;
  using Number = fuse_ino_t;
  using Info = fuse_file_info;
  static constexpr auto server = [](Request request) -> Server& {
    return *static_cast<Server*>(fuse_req_userdata(request));
  };
  fuse_lowlevel_ops to{};
  to.lookup = [](Request r, Number parent, const char* name) {
    server(r).reply_inode(r, server(r).look_up(parent, name));
  };
  to.forget = [](Request r, Number number, std::uint64_t lookups) {
    server(r).inodes_.forget(number, lookups);
    fuse_reply_none(r);
  };
  to.getattr = [](Request r, Number number, Info*) { server(r).reply_attributes(r, number); };
  to.setattr = [](Request r, Number number, struct stat* attributes, int which, Info*) {
    server(r).set_attributes(r, number, *attributes, which);
  };
  to.create = [](Request r, Number parent, const char* name, mode_t, Info* info) {
    server(r).reply_inode(r, server(r).create(parent, name), info);
  };
  to.mkdir = [](Request r, Number parent, const char* name, mode_t) {
    server(r).reply_inode(r, server(r).make_directory(parent, name));
  };
  to.rename = [](Request r, Number parent, const char* from, Number new_parent, const char* name,
                 unsigned flags) {
    reply(r, server(r).rename(parent, from, new_parent, name, flags));
  };
  to.unlink = [](Request r, Number parent, const char* name) {
    reply(r, server(r).remove(parent, name));
  };
  to.read = [](Request r, Number number, std::size_t bytes, off_t offset, Info*) {
    server(r).read(r, number, bytes, offset);
  };
  to.write = [](Request r, Number number, const char* from, std::size_t bytes, off_t at, Info*) {
    server(r).write(r, number, {from, bytes}, at);
  };
  to.fallocate = [](Request r, Number number, int mode, off_t offset, off_t bytes, Info*) {
    reply(r, server(r).allocate(number, mode, offset, bytes));
  };
  to.fsync = [](Request r, Number n, int, Info*) { reply(r, server(r).sync_file(n)); };
  to.fsyncdir = [](Request r, Number n, int, Info*) { reply(r, server(r).sync_directory(n)); };
  to.opendir = [](Request r, Number n, Info* info) { server(r).open_directory(r, n, info); };
  to.readdir = [](Request r, Number, std::size_t bytes, off_t from, Info* info) {
    server(r).list(r, bytes, from, info);
  };
  to.releasedir = [](Request r, Number, Info* info) {
    server(r).listings_.erase(info->fh);
    reply(r, Status());
  };
  to.statfs = [](Request r, Number) { server(r).tell_space(r); };
  return to;
}

Result<std::unique_ptr<FuseDisk>> FuseDisk::mount(MemoryFileSystem& disk,
                                                  const std::filesystem::path& place, Syncs syncs) {
  if (::access("/dev/fuse", R_OK | W_OK) != 0) {
    return Status(Code::unsupported, "/dev/fuse: " + std::generic_category().message(errno));
  }
  std::unique_ptr<Directory> root = FORELOG_TRY(disk.open_directory("/", false));
  auto server = std::make_unique<Server>(disk, std::move(root), syncs);
  FORELOG_TRY(server->start(place));
  return std::unique_ptr<FuseDisk>(new FuseDisk(std::move(server)));
}

FuseDisk::FuseDisk(std::unique_ptr<Server> server) : server_(std::move(server)) {}
FuseDisk::~FuseDisk() = default;
void FuseDisk::stop_before(std::uint64_t operations, const Stop& stop) {
  server_->stop_switch().stop_before(operations, stop);
}
void FuseDisk::stop_now(const Stop& stop) { server_->stop_switch().stop_now(stop); }
bool FuseDisk::has_stopped() const { return server_->stop_switch().has_stopped(); }

}  // namespace forelog::crash_test
