#include "base/check.h"

#include <cstdio>
#include <cstdlib>

namespace forelog::base {

void check_failed(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "forelog: broken invariant %s at %s:%d; stopping before harm is done\n",
               condition, file, line);
  std::abort();
}

}  // namespace forelog::base
