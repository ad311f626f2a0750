// operator new, replaced; and that it does what allocations.h says.
#include "memory/allocations.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <thread>

namespace forelog::testing {
namespace {

std::atomic<std::uint64_t> refused_from = 0;
std::atomic<std::uint64_t> refused_to = 0;
std::atomic<std::uint64_t> counted = 0;
std::atomic<std::uint64_t> refused = 0;
thread_local int exempt = 0;

// Why not inlined, both: g++ would take them for a pair that does not match.
[[gnu::noinline]] void release(void* at) noexcept { std::free(at); }

[[gnu::noinline]] void* allocate(std::size_t bytes, std::size_t alignment) noexcept {
  if (exempt == 0) {
    const std::uint64_t n = counted.fetch_add(1) + 1;
    if (n >= refused_from && n < refused_to) {
      refused.fetch_add(1);
      return nullptr;
    }
  }
  if (bytes == 0) bytes = 1;
  if (alignment <= alignof(std::max_align_t)) return std::malloc(bytes);
  return std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
}

void* allocate_or_throw(std::size_t bytes, std::size_t alignment) {
  void* const at = allocate(bytes, alignment);
  if (at == nullptr) throw std::bad_alloc();
  return at;
}

}  // namespace

void refuse_allocation(std::uint64_t nth, bool and_later) {
  refused_from = refused_to = 0;
  counted = refused = 0;
  refused_from = nth;
  refused_to = nth == 0 ? 0 : and_later ? UINT64_MAX : nth + 1;
}
std::uint64_t allocations_counted() { return counted; }
std::uint64_t allocations_refused() { return refused; }

Exempt::Exempt() { ++exempt; }
Exempt::~Exempt() { --exempt; }

namespace {

TEST(AllocationsTest, TheNthFailsAndTheNextOneDoesNot) {
  refuse_allocation(2, false);
  EXPECT_NE(std::unique_ptr<int>(new (std::nothrow) int), nullptr);
  EXPECT_EQ(std::unique_ptr<int>(new (std::nothrow) int), nullptr);
  EXPECT_NE(std::unique_ptr<int>(new (std::nothrow) int), nullptr);
  EXPECT_EQ(allocations_counted(), 3u);
  EXPECT_EQ(allocations_refused(), 1u);
  refuse_allocation(0, false);
}

TEST(AllocationsTest, AllFromTheNthOnFailButThoseThatAreExempt) {
  refuse_allocation(1, true);
  bool thrown = false;
  try {
    ::operator delete(::operator new(64, std::align_val_t(64)), std::align_val_t(64));
  } catch (const std::bad_alloc&) {
    thrown = true;
  }
  std::unique_ptr<int> exempted;
  {
    const Exempt inside;
    exempted = std::make_unique<int>(1);
  }
  refuse_allocation(0, false);
  EXPECT_TRUE(thrown);
  EXPECT_NE(exempted, nullptr);
}

}  // namespace
}  // namespace forelog::testing

using forelog::testing::allocate;
using forelog::testing::allocate_or_throw;
using forelog::testing::release;
constexpr std::size_t kUsual = alignof(std::max_align_t);

void* operator new(std::size_t bytes) { return allocate_or_throw(bytes, kUsual); }
void* operator new[](std::size_t bytes) { return allocate_or_throw(bytes, kUsual); }
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, kUsual);
}
void* operator new[](std::size_t bytes, const std::nothrow_t&) noexcept {
  return allocate(bytes, kUsual);
}
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate_or_throw(bytes, static_cast<std::size_t>(alignment));
}
void* operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment,
                     const std::nothrow_t&) noexcept {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* at) noexcept { release(at); }
void operator delete[](void* at) noexcept { release(at); }
void operator delete(void* at, std::size_t) noexcept { release(at); }
void operator delete[](void* at, std::size_t) noexcept { release(at); }
void operator delete(void* at, const std::nothrow_t&) noexcept { release(at); }
void operator delete[](void* at, const std::nothrow_t&) noexcept { release(at); }
void operator delete(void* at, std::align_val_t) noexcept { release(at); }
void operator delete[](void* at, std::align_val_t) noexcept { release(at); }
void operator delete(void* at, std::size_t, std::align_val_t) noexcept { release(at); }
void operator delete[](void* at, std::size_t, std::align_val_t) noexcept { release(at); }
void operator delete(void* at, std::align_val_t, const std::nothrow_t&) noexcept { release(at); }
void operator delete[](void* at, std::align_val_t, const std::nothrow_t&) noexcept { release(at); }
