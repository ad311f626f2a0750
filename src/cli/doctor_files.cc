// Who may touch a log's directory, what kinds of files are in it, and what a writer would find.
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "cli/doctor.h"
#include "cli/reports.h"
#include "cli/text.h"
#include "cli/units.h"
#include "forelog/maintain.h"

namespace forelog::cli {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kToldMax = 20;  // Of files; behind that only their number.
constexpr mode_t kPermissionBits = 07777;
constexpr mode_t kOthers = 0077;

std::string octal(mode_t mode) {
  std::array<char, 8> digits{};
  std::snprintf(digits.data(), digits.size(), "%04o", mode & kPermissionBits);
  return digits.data();
}

enum class Owner { log, stranger };

// As docs/format.md, "The directory", says.
Owner owner_of(std::string_view name) {
  const bool segment = name.size() == 24 && name.ends_with(".segment") &&
                       name.find_first_not_of("0123456789abcdef") == 16;
  const bool named = name == "WATERMARK" || name == "LOCK" || name == "HOLES";
  return segment || named || name.ends_with(".tmp") ? Owner::log : Owner::stranger;
}

class FileCheck {
 public:
  explicit FileCheck(Findings& findings) : findings_(findings) {}

  void run(const fs::path& dir) {
    visit(dir, "", [&](const fs::path& path, const std::string& name) {
      if (name == "holders" || name == "quarantine") return check_directory(path, name);
      if (name.starts_with(".forelog-doctor-")) return;  // Of another one that runs now.
      check_file(path, name, owner_of(name));
    });
    if (bad_ == 0) {
      findings_.push_back(
          {"files", Health::ok, count_of(seen_, "file") + " of a log, each its owner's alone", ""});
    } else if (bad_ > kToldMax) {
      findings_.push_back({"files", Health::warning,
                           "and " + std::to_string(bad_ - kToldMax) + " more like these", ""});
    }
  }

 private:
  template <typename Use>
  void visit(const fs::path& dir, const std::string& prefix, const Use& use) {
    std::error_code error;
    std::vector<std::string> names;
    for (fs::directory_iterator at(dir, error), end; !error && at != end; at.increment(error)) {
      names.push_back(at->path().filename());
    }
    if (error) {
      tell(Health::note, prefix.empty() ? dir.native() : prefix, "cannot be listed", "");
      return;
    }
    std::sort(names.begin(), names.end());
    for (const std::string& name : names) use(dir / name, prefix + name);
  }

  void check_directory(const fs::path& path, const std::string& name) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return;
    if (!S_ISDIR(found.st_mode)) {
      return tell(Health::problem, name, "is not a directory, and the log is refused for it",
                  "move it out of the log's directory");
    }
    check_access(found, name);
    visit(path, name + "/", [&](const fs::path& file, const std::string& below) {
      check_file(file, below, Owner::log);
    });
  }

  void check_file(const fs::path& path, const std::string& name, Owner owner) {
    struct stat found {};
    if (::lstat(path.c_str(), &found) != 0) return;  // A live writer removed it.
    if (owner == Owner::stranger) {
      if (S_ISREG(found.st_mode) || S_ISDIR(found.st_mode)) return;
      return tell(Health::note, name, "is a link or a special file of somebody's; it is left alone",
                  "");
    }
    ++seen_;
    if (!S_ISREG(found.st_mode)) {
      return tell(Health::problem, name,
                  "is a link, a special file or a directory, and the log is refused for it",
                  "move it out of the log's directory");
    }
    if (found.st_nlink > 1) {
      tell(Health::problem, name, "has further names (hard links); a writer refuses it",
           "copy it, or remove the other names");
    }
    check_access(found, name);
  }

  void check_access(const struct stat& found, const std::string& name) {
    if ((found.st_mode & kOthers) != 0) {
      tell(Health::warning, name, "has mode " + octal(found.st_mode) + ": open to other users",
           "`chmod go-rwx`");
    }
    if (found.st_uid != ::geteuid() && found.st_uid != 0 && ::geteuid() != 0) {
      tell(Health::warning, name, "belongs to another user, " + std::to_string(found.st_uid),
           "run this, and the writer, as the user who owns the log");
    }
  }

  void tell(Health health, const std::string& name, const std::string& what, std::string advice) {
    if (++bad_ > kToldMax) return;
    std::string printable;
    append_printable(printable, name);
    findings_.push_back({"files", health, printable + " " + what, std::move(advice)});
  }

  Findings& findings_;
  std::size_t seen_ = 0;
  std::size_t bad_ = 0;
};

void check_directory_itself(const std::string& dir, Findings& findings) {
  struct stat found {};
  std::string plain = dir;
  while (plain.size() > 1 && plain.back() == '/') plain.pop_back();
  if (::lstat(plain.c_str(), &found) == 0 && S_ISLNK(found.st_mode)) {
    findings.push_back({"directory", Health::problem,
                        plain + " is a symbolic link, and a log is not opened through it",
                        "name the directory itself: " + fs::canonical(plain).native()});
  }
  if (::stat(dir.c_str(), &found) != 0) return;
  Finding finding = {"permissions", Health::ok,
                     "mode " + octal(found.st_mode) + ", owner " + std::to_string(found.st_uid),
                     ""};
  if ((found.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
    finding.health = Health::warning;
    finding.what += (found.st_mode & S_IWOTH) != 0 ? ": every user can replace the log's files"
                                                   : ": a group can replace the log's files";
    finding.advice = "`chmod go-w`, or put the log into a directory of its own below it";
  } else if (found.st_uid != ::geteuid() && found.st_uid != 0) {
    finding.health = Health::warning;
    finding.what += ", who is another user and can replace the log's files";
    finding.advice = "have one user own the log and write it";
  }
  findings.push_back(std::move(finding));
}

Finding check_log(const std::string& dir) {
  const Result<LogInfo> info = inspect(fs::canonical(dir));
  if (!info && info.error().code() == Code::not_found) {
    return {"log", Health::ok, "none here yet", ""};
  }
  if (!info) {
    return {"log", Health::problem, std::string(info.error().message()),
            "until this is changed, the log cannot be opened"};
  }
  const RecoveryReport& report = info->recovery;
  Finding finding = {"log", Health::ok, records_text(info->first_lsn, info->last_lsn), ""};
  if (info->writer_alive) finding.what += "; a writer has it open";
  if (report.verdict == Verdict::torn_tail) {
    finding.health = Health::note;
    finding.what += "; a torn tail, which the next open for writing cuts";
  }
  if (report.verdict == Verdict::rot) {
    finding.health = Health::problem;
    finding.what += "; rot: bytes that had been synced do not verify";
    finding.advice = "`forelog verify` tells what is lost, and what can be done";
  }
  return finding;
}

}  // namespace

void look_at_files(const std::string& dir, Findings& findings) {
  check_directory_itself(dir, findings);
  FileCheck(findings).run(dir);
  findings.push_back(check_log(dir));
}

}  // namespace forelog::cli
