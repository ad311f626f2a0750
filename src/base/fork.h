// Whether this process is still the one that opened something: a forked child shares its parent's
// descriptors and locks, and must not write through them.
#pragma once

#include <cstdint>

namespace forelog::base {

// Rises in the child at each fork() of the process since the library was loaded. Cheap.
std::uint32_t fork_generation() noexcept;

}  // namespace forelog::base
