// The little of state_machine.h that is not pure.
#include "forelog/state_machine.h"

#include "base/text.h"
#include "forelog/try.h"

namespace forelog {

Status Source::read_exactly(std::span<std::byte> to) {
  const std::size_t got = FORELOG_TRY(read(to));
  if (got == to.size()) return {};
  return {Code::corrupt, base::concat("the state ends ", to.size() - got, " ",
                                      base::plural(to.size() - got, "byte"),
                                      " before what it must hold; it was saved by another program, "
                                      "or an older one")};
}

}  // namespace forelog
