// A program outside of Forelog: opens a log, commits, reads back. tests/consumer/run builds it in
// each way that a user may.
#include <forelog/forelog.h>

#include <cstdio>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

namespace {

forelog::Status round_trip(const std::filesystem::path& dir) {
  forelog::Log log = FORELOG_TRY(forelog::Log::open(dir));
  FORELOG_TRY(log.commit("alice +500"));

  forelog::Batch transfer;
  transfer.add("alice -200").add("bob +200");
  const forelog::LsnRange moved = FORELOG_TRY(log.commit(transfer));

  std::string text;
  forelog::Cursor entries = log.read({.to = moved.last});
  while (std::optional<forelog::Entry> entry = FORELOG_TRY(entries.next())) {
    text.append(entry->payload.text()).append("\n");
  }
  FORELOG_TRY(log.close());
  if (text != "alice +500\nalice -200\nbob +200\n") {
    return {forelog::Code::corrupt, "read back: " + text};
  }
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const forelog::Status status = round_trip(argv[1]);
  if (!status) {
    std::fprintf(stderr, "%s\n", std::string(status.message()).c_str());
    return 1;
  }
  std::printf("forelog %s: three records\n", std::string(forelog::version()).c_str());
  return 0;
}
