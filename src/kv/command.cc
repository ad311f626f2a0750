#include "kv/command.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>

#include "base/endian.h"

namespace forelog::kv {

using base::load_le;
using base::store_le;

namespace {

template <typename T>
void put_number(std::string& to, T value) {
  std::array<std::byte, sizeof value> bytes;
  store_le<T>(bytes.data(), value);
  to.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

// Takes fields off the front; after the first one that is not there all are zero or empty.
class Fields {
 public:
  explicit Fields(ByteView bytes) : left_(bytes) {}

  template <typename T>
  T number() {
    const ByteView taken = bytes(sizeof(T));
    return taken.empty() ? T{0} : load_le<T>(taken.data());
  }
  ByteView bytes(std::size_t size) {
    if (size > left_.size()) {
      complete_ = false;
      left_ = {};
      return {};
    }
    const ByteView taken(left_.first(size));
    left_ = ByteView(left_.subspan(size));
    return taken;
  }
  bool complete() const { return complete_; }
  bool done() const { return left_.empty(); }

 private:
  ByteView left_;
  bool complete_ = true;
};

bool has_value(OperationKind kind) {
  return kind == OperationKind::put || kind == OperationKind::put_until;
}

CommandCheck decode_operation(Fields& fields, Operation& operation) {
  const auto kind = fields.number<std::uint8_t>();
  if (kind == 0) return CommandCheck::malformed;
  if (kind > static_cast<std::uint8_t>(OperationKind::require)) return CommandCheck::unknown;
  operation.kind = static_cast<OperationKind>(kind);
  const std::size_t key_bytes = fields.number<std::uint16_t>();
  std::size_t value_bytes = 0;
  if (has_value(operation.kind)) value_bytes = fields.number<std::uint32_t>();
  if (operation.kind == OperationKind::put_until &&
      !time_from_wire(fields.number<std::uint64_t>(), operation.expires)) {
    return CommandCheck::malformed;
  }
  if (operation.kind == OperationKind::require) {
    operation.version = Lsn(fields.number<std::uint64_t>());
  }
  operation.key = fields.bytes(key_bytes);
  operation.value = fields.bytes(value_bytes);
  return fields.complete() ? CommandCheck::valid : CommandCheck::malformed;
}

}  // namespace

std::uint64_t time_to_wire(Timestamp time) {
  return static_cast<std::uint64_t>(std::max<std::int64_t>(time.time_since_epoch().count(), 0));
}

bool time_from_wire(std::uint64_t wire, Timestamp& time) {
  if (wire > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return false;
  time = Timestamp(std::chrono::nanoseconds(static_cast<std::int64_t>(wire)));
  return true;
}

void put_command_head(std::string& to, CommandKind kind, Timestamp time) {
  put_number(to, static_cast<std::uint8_t>(kind));
  put_number(to, time_to_wire(time));
}

void set_time(std::string& command, std::size_t offset, Timestamp time) {
  std::byte* const start = std::as_writable_bytes(std::span(command)).data();
  store_le<std::uint64_t>(start + offset, time_to_wire(time));
}

std::uint64_t operation_bytes(const Operation& operation) {
  std::uint64_t bytes = 1 + 2 + operation.key.size();
  if (has_value(operation.kind)) bytes += 4 + operation.value.size();
  if (operation.kind == OperationKind::put_until) bytes += 8;
  if (operation.kind == OperationKind::require) bytes += 8;
  return bytes;
}

void put_operation(std::string& to, const Operation& operation) {
  put_number(to, static_cast<std::uint8_t>(operation.kind));
  put_number(to, static_cast<std::uint16_t>(operation.key.size()));
  if (has_value(operation.kind)) {
    put_number(to, static_cast<std::uint32_t>(operation.value.size()));
  }
  if (operation.kind == OperationKind::put_until) put_number(to, time_to_wire(operation.expires));
  if (operation.kind == OperationKind::require) put_number(to, operation.version.value);
  to.append(operation.key.text());
  if (has_value(operation.kind)) to.append(operation.value.text());
}

CommandCheck decode_command(ByteView bytes, Command& to) {
  to.operations.clear();
  Fields fields(bytes);
  const auto kind = fields.number<std::uint8_t>();
  if (kind == 0) return CommandCheck::malformed;
  if (kind > static_cast<std::uint8_t>(CommandKind::tick)) return CommandCheck::unknown;
  to.kind = static_cast<CommandKind>(kind);
  if (!time_from_wire(fields.number<std::uint64_t>(), to.time) || !fields.complete()) {
    return CommandCheck::malformed;
  }
  if (to.kind == CommandKind::tick) {
    return fields.done() ? CommandCheck::valid : CommandCheck::malformed;
  }
  while (!fields.done()) {
    Operation operation;
    const CommandCheck check = decode_operation(fields, operation);
    if (check != CommandCheck::valid) return check;
    to.operations.push_back(operation);
  }
  return CommandCheck::valid;
}

}  // namespace forelog::kv
