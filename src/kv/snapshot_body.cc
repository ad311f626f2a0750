#include "kv/snapshot_body.h"

#include <array>
#include <cstring>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/endian.h"
#include "base/text.h"
#include "forelog/try.h"

namespace forelog::kv {

using base::load_le;
using base::store_le;

namespace {

constexpr std::uint8_t kBodyVersion = 1;
constexpr std::size_t kBufferBytes = 256 * 1024;
constexpr std::size_t kHeadBytes = 1 + 8 + 8;
// Of an entry, in front of its key: kind, lengths, version; and its end, if it has one.
constexpr std::size_t kEntryHeadBytes = 1 + 2 + 4 + 8;

enum class EntryKind : std::uint8_t { end = 0, entry = 1, expiring = 2 };

Status not_ours(const char* what) {
  return {Code::corrupt, base::concat("the snapshot is not of a key-value store: ", what)};
}

// Collects what is written, so that the sink is called for much at a time.
class Writer {
 public:
  explicit Writer(Sink& out) : out_(out) { buffer_.reserve(kBufferBytes); }

  template <typename T>
  void number(T value) {
    std::array<std::byte, sizeof value> bytes;
    store_le<T>(bytes.data(), value);
    buffer_.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  // Long values go past the buffer, behind what it holds.
  Status bytes(ByteView bytes) {
    if (buffer_.size() + bytes.size() > kBufferBytes) FORELOG_TRY(flush());
    if (bytes.size() >= kBufferBytes) return out_.write(bytes);
    buffer_.append(bytes.text());
    return {};
  }
  Status flush() {
    if (buffer_.empty()) return {};
    FORELOG_TRY(out_.write(buffer_));
    buffer_.clear();
    return {};
  }

 private:
  Sink& out_;
  std::string buffer_;
};

class Reader {
 public:
  explicit Reader(Source& in) : in_(in), buffer_(kBufferBytes) {}

  Status exactly(std::span<std::byte> to) {
    while (!to.empty()) {
      if (at_ == filled_) {
        at_ = 0;
        filled_ = FORELOG_TRY(in_.read(buffer_));
        if (filled_ == 0) return not_ours("it ends in the middle of an entry");
      }
      const std::size_t part = std::min(to.size(), filled_ - at_);
      std::memcpy(to.data(), buffer_.data() + at_, part);
      at_ += part;
      to = to.subspan(part);
    }
    return {};
  }
  template <typename T>
  Result<T> number() {
    std::array<std::byte, sizeof(T)> bytes;
    FORELOG_TRY(exactly(bytes));
    return load_le<T>(bytes.data());
  }
  // Grows with what is there, not with what `size` claims.
  Status bytes(std::size_t size, std::string& to) {
    to.clear();
    while (to.size() < size) {
      const std::size_t had = to.size();
      to.resize(std::min(size, had + kBufferBytes));
      FORELOG_TRY(exactly(std::as_writable_bytes(std::span(to).subspan(had))));
    }
    return {};
  }
  Result<bool> at_end() {
    if (at_ < filled_) return false;
    at_ = 0;
    filled_ = FORELOG_TRY(in_.read(buffer_));
    return filled_ == 0;
  }

 private:
  Source& in_;
  std::vector<std::byte> buffer_;
  std::size_t at_ = 0, filled_ = 0;
};

void put_entry_head(Writer& writer, const Chunk::Entry& entry) {
  const bool expiring = entry.expires != kNever;
  writer.number(static_cast<std::uint8_t>(expiring ? EntryKind::expiring : EntryKind::entry));
  writer.number(static_cast<std::uint16_t>(entry.key.size()));
  writer.number(static_cast<std::uint32_t>(entry.value.size()));
  writer.number(entry.version.value);
  if (expiring) writer.number(time_to_wire(entry.expires));
}

// Behind its kind.
Status load_entry(Reader& reader, bool expiring, std::string& value, Contents& contents) {
  std::array<std::byte, kEntryHeadBytes - 1> head;
  FORELOG_TRY(reader.exactly(head));
  const std::size_t key_bytes = load_le<std::uint16_t>(head.data());
  const std::size_t value_bytes = load_le<std::uint32_t>(head.data() + 2);
  const Lsn version(load_le<std::uint64_t>(head.data() + 6));
  Timestamp expires = kNever;
  if (expiring) {
    const auto wire = FORELOG_TRY(reader.number<std::uint64_t>());
    if (!time_from_wire(wire, expires)) return not_ours("a time is out of range");
  }
  if (version == Lsn() || version > contents.applied) return not_ours("a version is out of range");
  std::string key;
  FORELOG_TRY(reader.bytes(key_bytes, key));
  FORELOG_TRY(reader.bytes(value_bytes, value));
  if (!contents.add(std::move(key), value, version, expires)) {
    return not_ours("its keys are not in order");
  }
  return {};
}

}  // namespace

Status save_contents(std::shared_ptr<const Pin> pin, Sink& out) {
  Writer writer(out);
  writer.number(kBodyVersion);
  writer.number(pin->lsn().value);
  writer.number(time_to_wire(pin->time()));
  Scan scan(std::move(pin), {});
  std::uint64_t entries = 0;
  while (const std::optional<Chunk::Entry> entry = scan.next()) {
    put_entry_head(writer, *entry);
    FORELOG_TRY(writer.bytes(entry->key));
    FORELOG_TRY(writer.bytes(entry->value));
    ++entries;
  }
  writer.number(static_cast<std::uint8_t>(EntryKind::end));
  writer.number(entries);
  return writer.flush();
}

Result<Contents> load_contents(Source& in) {
  Reader reader(in);
  std::array<std::byte, kHeadBytes> head;
  FORELOG_TRY(reader.exactly(head));
  const auto body_version = load_le<std::uint8_t>(head.data());
  if (body_version != kBodyVersion) {
    return Status(Code::unsupported,
                  base::concat("the key-value store in the snapshot is of format ", body_version,
                               ", this program reads ", kBodyVersion,
                               ": open it with a newer version of Forelog"));
  }
  Contents contents;
  contents.applied = Lsn(load_le<std::uint64_t>(head.data() + 1));
  if (!time_from_wire(load_le<std::uint64_t>(head.data() + 9), contents.time)) {
    return not_ours("its time is out of range");
  }
  std::string value;
  std::uint64_t entries = 0;
  while (true) {
    const auto kind = FORELOG_TRY(reader.number<std::uint8_t>());
    if (kind == static_cast<std::uint8_t>(EntryKind::end)) break;
    if (kind > static_cast<std::uint8_t>(EntryKind::expiring)) {
      return not_ours("an entry is of an unknown kind");
    }
    const bool expiring = kind == static_cast<std::uint8_t>(EntryKind::expiring);
    FORELOG_TRY(load_entry(reader, expiring, value, contents));
    ++entries;
  }
  const auto counted = FORELOG_TRY(reader.number<std::uint64_t>());
  if (counted != entries) return not_ours("it has not as many entries as it says");
  const bool at_end = FORELOG_TRY(reader.at_end());
  if (!at_end) return not_ours("something follows its end");
  return contents;
}

}  // namespace forelog::kv
