// The 64-bit checksum of everything that Forelog writes: XXH3-64 with a seed (docs/format.md says
// where each is used, docs/adr/0002 why this one). Deterministic on every machine.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace forelog::base {

std::uint64_t checksum(std::span<const std::byte> bytes, std::uint64_t seed) noexcept;

}  // namespace forelog::base
