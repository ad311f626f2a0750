// Commands of the key-value store: what is logged for a write, and how. Implements docs/format.md,
// "Key-value commands". Bytes in, bytes out.
//
// Threading: pure functions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "forelog/bytes.h"
#include "forelog/lsn.h"

namespace forelog::kv {

// The length of a key is stored in two bytes.
inline constexpr std::size_t kKeyBytesLimit = 65535;
inline constexpr std::uint64_t kValueBytesLimit = std::uint64_t{1} << 30;

// Of a value that does not expire.
inline constexpr Timestamp kNever = Timestamp::max();

enum class CommandKind : std::uint8_t {
  write = 1,
  tick = 2,  // Only tells the time, so that what has expired is removed.
};

enum class OperationKind : std::uint8_t {
  put = 1,
  put_until = 2,  // Gone behind a point in time.
  erase = 3,
  require = 4,  // That the key has this version; Lsn{}: that it is absent.
};

struct Operation {
  OperationKind kind = OperationKind::put;
  ByteView key;
  ByteView value = {};         // Of put and put_until.
  Timestamp expires = kNever;  // Of put_until.
  Lsn version = {};            // Of require.
};

struct Command {
  CommandKind kind = CommandKind::write;
  Timestamp time{};                        // The writer's clock.
  std::vector<Operation> operations = {};  // Their bytes are where they were decoded from.
};

// Behind what `to` holds. Operations are put behind it, one after the other.
void put_command_head(std::string& to, CommandKind kind, Timestamp time);
void put_operation(std::string& to, const Operation& operation);
// Bytes that put_operation adds.
std::uint64_t operation_bytes(const Operation& operation);
inline constexpr std::size_t kCommandHeadBytes = 9;
// Where put_until has its point in time, behind the start of the operation; and how it is put there.
inline constexpr std::size_t kOperationExpiryOffset = 1 + 2 + 4;
void set_time(std::string& command, std::size_t offset, Timestamp time);

enum class CommandCheck : std::uint8_t {
  valid,
  malformed,
  unknown,  // A kind of command or operation that only a newer program knows.
};
// Reuses the memory of `to`.
CommandCheck decode_command(ByteView bytes, Command& to);

// Times are stored as nanoseconds since 1970, below 2^63.
std::uint64_t time_to_wire(Timestamp time);
bool time_from_wire(std::uint64_t wire, Timestamp& time);

}  // namespace forelog::kv
