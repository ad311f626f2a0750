// The real file system, on Linux. Directories are in posix_directory.cc, files in posix_file.cc.
//
// A write that passes RLIMIT_FSIZE raises SIGXFSZ, which ends a process that neither ignores nor
// handles it. Signals are the host's: the library installs no handler.
#include <fcntl.h>

#include "forelog/file_system.h"
#include "io/posix_directory.h"

namespace forelog {
namespace {

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<Directory>> open_directory(const std::filesystem::path& path,
                                                    bool create) override {
    // With a slash behind it, a symbolic link would be followed in spite of O_NOFOLLOW.
    std::string name = path.native();
    while (name.size() > 1 && name.back() == '/') name.pop_back();
    return io::PosixDirectory::open_at(AT_FDCWD, name, create, 0700, path);
  }
};

}  // namespace

FileSystem& posix_file_system() {
  // Never destroyed: threads of the host may still use it while the process exits.
  static PosixFileSystem& file_system = *new PosixFileSystem;
  return file_system;
}

}  // namespace forelog
