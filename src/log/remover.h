// Remover: removes the files that recovery found to be of no use. Behind open's back, where that may
// be: the system takes milliseconds to take a segment's pages and blocks back.
// Owned by the log; not shared between threads. A crash leaves the rest to the next open.
#pragma once

#include <string>
#include <vector>

#include "base/thread.h"
#include "forelog/file_system.h"
#include "forelog/report.h"

namespace forelog::log {

class Remover {
 public:
  Remover() = default;
  Remover(const Remover&) = delete;
  Remover& operator=(const Remover&) = delete;
  ~Remover() { (void)finish(); }

  // Only once the WATERMARK file is durable: that segments were trimmed on purpose is known from
  // there. On return all of them are gone, durably; or, with `in_background`, none of them is in the
  // way of a file to come, and `dir` is used until finish().
  Status remove(Directory& dir, std::vector<std::string> names, bool in_background,
                RecoveryReport& report);
  // Waits for what is in the background, and says what became of it. Nothing depends on that: what
  // is left is of no use to anyone, and goes at the next open.
  Status finish();

 private:
  base::Thread thread_;
  Status removed_;  // Of the thread, until it is joined.
};

}  // namespace forelog::log
