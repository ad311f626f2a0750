#include "base/check.h"

#include <atomic>
#include <cstdio>
#include <cstdlib>

#include "forelog/check.h"

namespace forelog {

namespace {

std::atomic<CheckHandler> installed{nullptr};

}  // namespace

void set_check_handler(CheckHandler handler) noexcept { installed = handler; }

namespace base {

void check_failed(const char* condition, const char* file, int line) {
  if (const CheckHandler handler = installed) {
    handler(condition, file, line);
  } else {
    std::fprintf(stderr, "forelog: broken invariant %s at %s:%d; stopping before harm is done\n",
                 condition, file, line);
  }
  std::abort();
}

}  // namespace base
}  // namespace forelog
