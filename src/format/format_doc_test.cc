// Replays the examples in docs/format.md: what the document shows is what the code writes and reads.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "format/frame.h"
#include "format/holes.h"
#include "format/record.h"
#include "format/seal.h"
#include "format/segment_header.h"
#include "format/snapshot_block.h"
#include "format/snapshot_header.h"
#include "format/watermark.h"
#include "support/hex_examples.h"

namespace forelog::format {
namespace {

using Bytes = std::vector<std::byte>;

void expect_bytes(const HexExample& example, ByteView bytes) {
  EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), example.bytes.begin(), example.bytes.end()))
      << example.text("name") << " is written as\n"
      << to_hex_lines(bytes);
}

LogId log_id_of(const HexExample& example) {
  LogId id;
  const std::string& digits = example.text("log");
  EXPECT_EQ(digits.size(), 32u);
  for (std::size_t i = 0; i < 16; ++i) {
    id.bytes[i] = static_cast<std::byte>(std::stoul(digits.substr(2 * i, 2), nullptr, 16));
  }
  return id;
}

Bytes encode_records(const std::string& list) {
  Bytes body;
  for (const std::string& record : split(list, ',')) {
    const std::size_t size = body.size();
    body.resize(size + static_cast<std::size_t>(record_bytes(record.size())));
    put_record(body.data() + size, record);
  }
  return body;
}

std::string decode_records(ByteView body) {
  std::string list;
  RecordReader reader(body);
  ByteView payload;
  for (bool first = true; reader.next(payload); first = false) {
    if (!first) list += ',';
    list += payload.text();
  }
  EXPECT_TRUE(reader.done());
  return list;
}

void replay_varint(const HexExample& example) {
  std::byte encoded[8];
  const std::byte* end = put_varint(encoded, example.number("value"));
  expect_bytes(example, ByteView(encoded, static_cast<std::size_t>(end - encoded)));
}

void replay_records(const HexExample& example) {
  const Bytes body = encode_records(example.text("records"));
  expect_bytes(example, ByteView(std::span(body)));
  EXPECT_EQ(decode_records(ByteView(std::span(example.bytes))), example.text("records"));
}

void replay_segment_header(const HexExample& example) {
  SegmentHeader header;
  header.log_id = log_id_of(example);
  header.number = example.number("number");
  header.salt = example.number("salt");
  header.first_lsn = Lsn(example.number("first_lsn"));
  header.created = example.number("created");
  header.predecessor = {example.number("before"), example.number("before_salt"),
                        example.number("before_end"), example.number("before_digest"),
                        example.number("before_sealed") != 0};
  header.epoch = {static_cast<std::uint32_t>(example.number("epoch")), example.number("branch"),
                  example.number("parent"), Lsn(example.number("epoch_first_lsn"))};
  Bytes bytes(kSegmentHeaderBytes);
  encode_segment_header(header, std::span(bytes).first<kSegmentHeaderBytes>());
  expect_bytes(example, ByteView(std::span(bytes)));

  ASSERT_EQ(example.bytes.size(), kSegmentHeaderBytes);
  SegmentHeader decoded;
  std::uint32_t version = 0;
  ASSERT_EQ(decode_segment_header(std::span(example.bytes).first<kSegmentHeaderBytes>(), decoded,
                                  version),
            HeaderCheck::valid);
  EXPECT_EQ(decoded.log_id, header.log_id);
  EXPECT_EQ(decoded.number, header.number);
  EXPECT_EQ(decoded.salt, header.salt);
  EXPECT_EQ(decoded.first_lsn, header.first_lsn);
  EXPECT_EQ(decoded.created, header.created);
  EXPECT_EQ(decoded.predecessor, header.predecessor);
  EXPECT_EQ(decoded.epoch, header.epoch);
}

FrameKind kind_of(const std::string& name) {
  if (name == "data") return FrameKind::data;
  if (name == "seal") return FrameKind::seal;
  if (name == "index") return FrameKind::index;
  EXPECT_EQ(name, "close");
  return FrameKind::close;
}

std::vector<std::vector<std::uint64_t>> lists_of(const std::string& text) {
  std::vector<std::vector<std::uint64_t>> lists;
  for (const std::string& list : split(text, ',')) {
    lists.emplace_back();
    for (const std::string& number : split(list, ':')) {
      lists.back().push_back(std::stoull(number, nullptr, 0));
    }
  }
  return lists;
}

std::vector<IndexEntry> index_of(const HexExample& example) {
  std::vector<IndexEntry> index;
  for (const auto& entry : lists_of(example.text("index"))) {
    index.push_back({Lsn(entry.at(0)), entry.at(1), entry.at(2)});
  }
  return index;
}

Bytes frame_body(const HexExample& example, FrameKind kind) {
  if (kind == FrameKind::data) return encode_records(example.text("records"));
  Bytes body;
  if (kind == FrameKind::seal) {
    body.resize(kSealBodyBytes);
    encode_seal({Lsn(example.number("seal_first")), Lsn(example.number("seal_last")),
                 example.number("seal_first_time"), example.number("seal_last_time"),
                 example.number("seal_frames"), example.number("seal_digest"),
                 example.number("seal_index_bytes")},
                body.data());
  } else if (kind == FrameKind::index) {
    const std::vector<IndexEntry> index = index_of(example);
    body.resize(index.size() * kIndexEntryBytes);
    encode_index(index, body.data());
  }
  return body;
}

std::uint64_t key_of(const HexExample& example) {
  return segment_key(log_id_of(example), example.number("segment"), example.number("salt"));
}

void expect_body(const HexExample& example, FrameKind kind, ByteView body) {
  if (kind == FrameKind::data) {
    EXPECT_EQ(decode_records(body), example.text("records"));
  }
  if (kind == FrameKind::seal) {
    Seal seal;
    ASSERT_TRUE(decode_seal(body, seal));
    EXPECT_EQ(seal.digest, example.number("seal_digest"));
    EXPECT_EQ(seal.index_bytes, example.number("seal_index_bytes"));
  }
  if (kind == FrameKind::index) {
    std::vector<IndexEntry> index;
    ASSERT_TRUE(decode_index(body, index));
    EXPECT_EQ(index, index_of(example));
  }
}

void replay_frame(const HexExample& example) {
  FrameHeader header;
  header.kind = kind_of(example.text("frame"));
  const Bytes body = frame_body(example, header.kind);
  Bytes bytes(static_cast<std::size_t>(frame_bytes(body.size())));
  std::copy(body.begin(), body.end(), bytes.begin() + kFrameHeaderBytes);
  header.body_bytes = static_cast<std::uint32_t>(body.size());
  header.first_lsn = Lsn(example.number("first_lsn"));
  header.synced = Lsn(example.number("synced"));
  header.time = example.number("time");
  header.flags = static_cast<std::uint16_t>(example.number("flags"));
  if (header.kind == FrameKind::data) {
    header.record_count = static_cast<std::uint32_t>(split(example.text("records"), ',').size());
  }
  const std::uint64_t seed = position_seed(key_of(example), example.number("offset"));
  const std::span<std::byte> all(bytes);
  encode_frame_header(header, ByteView(all.subspan(kFrameHeaderBytes)), seed,
                      all.first<kFrameHeaderBytes>());
  expect_bytes(example, ByteView(all));

  const std::span<const std::byte> shown(example.bytes);
  ASSERT_GE(shown.size(), kFrameHeaderBytes);
  FrameHeader decoded;
  ASSERT_EQ(decode_frame_header(shown.first<kFrameHeaderBytes>(), seed, decoded),
            FrameCheck::valid);
  ASSERT_EQ(shown.size(), frame_bytes(decoded.body_bytes));
  EXPECT_TRUE(frame_body_matches(decoded, ByteView(shown.subspan(kFrameHeaderBytes)), seed));
  EXPECT_EQ(decoded.first_lsn, header.first_lsn);
  EXPECT_EQ(decoded.synced, header.synced);
  EXPECT_EQ(decoded.time, header.time);
  EXPECT_EQ(decoded.record_count, header.record_count);
  EXPECT_EQ(decoded.kind, header.kind);
  expect_body(example, header.kind, ByteView(shown.subspan(kFrameHeaderBytes, decoded.body_bytes)));
}

void replay_watermark(const HexExample& example) {
  WatermarkRecord record;
  record.sequence = example.number("sequence");
  record.log_id = log_id_of(example);
  record.written = Lsn(example.number("written"));
  record.synced = Lsn(example.number("synced"));
  record.segment = example.number("segment");
  record.salt = example.number("salt");
  record.written_offset = example.number("written_offset");
  record.synced_offset = example.number("synced_offset");
  record.first_segment = example.number("first_segment");
  record.first_lsn = Lsn(example.number("first_lsn"));
  record.generation = example.number("generation");
  record.kept_through = Lsn(example.number("kept_through"));
  Bytes bytes(kWatermarkRecordBytes);
  encode_watermark(record, std::span(bytes).first<kWatermarkRecordBytes>());
  expect_bytes(example, ByteView(std::span(bytes)));
  WatermarkRecord decoded;
  ASSERT_EQ(example.bytes.size(), kWatermarkRecordBytes);
  ASSERT_TRUE(decode_watermark(std::span(example.bytes).first<kWatermarkRecordBytes>(), decoded));
  EXPECT_EQ(decoded.sequence, record.sequence);
  EXPECT_EQ(decoded.synced, record.synced);
  EXPECT_EQ(decoded.synced_offset, record.synced_offset);
}

void replay_holes(const HexExample& example) {
  std::vector<Hole> holes;
  for (const auto& hole : lists_of(example.text("holes"))) {
    holes.push_back({hole.at(0), hole.at(1), hole.at(2), Lsn(hole.at(3)), Lsn(hole.at(4))});
  }
  const Bytes bytes = encode_holes(log_id_of(example), holes);
  expect_bytes(example, ByteView(std::span(bytes)));
  LogId id;
  std::vector<Hole> decoded;
  ASSERT_TRUE(decode_holes(ByteView(std::span(example.bytes)), id, decoded));
  EXPECT_EQ(id, log_id_of(example));
  EXPECT_EQ(decoded, holes);
}

SnapshotHeader snapshot_header_of(const HexExample& example) {
  SnapshotHeader header;
  header.log_id = log_id_of(example);
  header.salt = example.number("salt");
  header.lsn = Lsn(example.number("lsn"));
  header.begun = example.number("begun");
  header.record = record_mark(example.text("record"),
                              Timestamp(std::chrono::nanoseconds(example.number("record_time"))));
  header.block_bytes = static_cast<std::uint32_t>(example.number("block_bytes"));
  header.compression = static_cast<std::uint8_t>(example.number("compression"));
  header.kind = example.text("state_kind");
  return header;
}

void replay_snapshot_header(const HexExample& example) {
  const SnapshotHeader header = snapshot_header_of(example);
  Bytes bytes(kSnapshotHeaderBytes);
  encode_snapshot_header(header, std::span(bytes).first<kSnapshotHeaderBytes>());
  expect_bytes(example, ByteView(std::span(bytes)));
  ASSERT_EQ(example.bytes.size(), kSnapshotHeaderBytes);
  SnapshotHeader decoded;
  std::uint32_t version = 0;
  ASSERT_EQ(decode_snapshot_header(std::span(example.bytes).first<kSnapshotHeaderBytes>(), decoded,
                                   version),
            HeaderCheck::valid);
  EXPECT_EQ(decoded, header);
}

// `header` is the example that the block stands behind; of the end mark, `before` is all before it.
void replay_snapshot_block(const HexExample& example, const HexExample& header,
                           const std::vector<const HexExample*>& before) {
  const std::uint64_t key = snapshot_key(std::span(header.bytes).first<kSnapshotHeaderBytes>());
  SnapshotBlock block;
  Bytes body(example.bytes.begin() + kSnapshotBlockHeaderBytes, example.bytes.end());
  if (example.text("kind") == "snapshot_end") {
    block.kind = SnapshotBlockKind::end;
    SnapshotEnd end{before.size(), 0, key};
    for (const HexExample* each : before) {
      end.raw_bytes += each->bytes.size() - kSnapshotBlockHeaderBytes;
      end.digest = fold_digest(end.digest, std::span(each->bytes).first(kSnapshotBlockHeaderBytes));
    }
    body.resize(kSnapshotEndBytes);
    encode_snapshot_end(end, std::span(body).first<kSnapshotEndBytes>());
    EXPECT_EQ(decode_snapshot_end(std::span(body).first<kSnapshotEndBytes>()), end);
  } else {
    const std::string& state = example.text("state");
    body.assign(ByteView(state).begin(), ByteView(state).end());
  }
  block.stored_bytes = block.raw_bytes = static_cast<std::uint32_t>(body.size());
  const std::uint64_t seed = position_seed(key, example.number("offset"));
  Bytes bytes(kSnapshotBlockHeaderBytes);
  encode_snapshot_block(block, ByteView(std::span(body)), seed,
                        std::span(bytes).first<kSnapshotBlockHeaderBytes>());
  bytes.insert(bytes.end(), body.begin(), body.end());
  expect_bytes(example, ByteView(std::span(bytes)));
  SnapshotBlock decoded;
  ASSERT_EQ(decode_snapshot_block(std::span(example.bytes).first<kSnapshotBlockHeaderBytes>(), seed,
                                  1000, decoded),
            BlockCheck::valid);
  EXPECT_EQ(decoded, block);
}

struct FormatDocTest : testing::Test {
  const std::vector<HexExample> examples =
      read_hex_examples(std::string(FORELOG_SOURCE_DIR) + "/docs/format.md");

  const HexExample& example(const std::string& name) const {
    const auto found = std::find_if(examples.begin(), examples.end(),
                                    [&](const HexExample& e) { return e.text("name") == name; });
    EXPECT_NE(found, examples.end()) << name;
    return *found;
  }
};

TEST_F(FormatDocTest, EveryExampleIsWhatTheCodeWritesAndReads) {
  std::set<std::string> kinds, names;
  for (const HexExample& each : examples) {
    const std::string& kind = each.text("kind");
    SCOPED_TRACE(each.text("name"));
    EXPECT_TRUE(names.insert(each.text("name")).second) << "the name is used twice";
    kinds.insert(kind);
    if (kind == "varint") {
      replay_varint(each);
    } else if (kind == "records") {
      replay_records(each);
    } else if (kind == "segment_header") {
      replay_segment_header(each);
    } else if (kind == "frame") {
      replay_frame(each);
    } else if (kind == "watermark") {
      replay_watermark(each);
    } else if (kind == "holes") {
      replay_holes(each);
    } else if (kind == "snapshot_header") {
      replay_snapshot_header(each);
    } else if (kind == "snapshot_block") {
      replay_snapshot_block(each, example("snapshot"), {});
    } else if (kind == "snapshot_end") {
      replay_snapshot_block(each, example("snapshot"), {&example("snapshot-block")});
    } else {
      // Of other layers, whose own tests replay them.
      static const std::set<std::string> kElsewhere = {"holder", "intent_command",
                                                       "intent_snapshot", "participant_command",
                                                       "participant_snapshot"};
      EXPECT_TRUE(kElsewhere.contains(kind) || kind.starts_with("kv_")) << kind;
    }
  }
  EXPECT_EQ(kinds.size(), 16u);
}

// The examples belong together: one small segment, sealed, and its successor.
TEST_F(FormatDocTest, TheExamplesChain) {
  const HexExample& data = example("data-frame");
  const HexExample& close = example("close-mark");
  const HexExample& seal = example("seal");
  const HexExample& index = example("index");
  const HexExample& next = example("second-segment");
  EXPECT_EQ(data.number("offset") + data.bytes.size(), close.number("offset"));
  EXPECT_EQ(close.number("offset") + close.bytes.size(), seal.number("offset"));
  EXPECT_EQ(seal.number("offset") + seal.bytes.size(), index.number("offset"));
  EXPECT_EQ(seal.number("seal_index_bytes"), index.bytes.size());
  std::uint64_t digest = key_of(data);
  for (const HexExample* frame : {&data, &close}) {
    digest = fold_digest(digest, std::span(frame->bytes).first(kFrameHeaderBytes));
  }
  EXPECT_EQ(digest, seal.number("seal_digest")) << std::hex << "0x" << digest;
  EXPECT_EQ(digest, next.number("before_digest"));
  EXPECT_EQ(seal.number("offset"), next.number("before_end"));
  EXPECT_EQ(seal.number("salt"), next.number("before_salt"));
}

// One whole snapshot, of the three records of the data frame.
TEST_F(FormatDocTest, TheSnapshotIsWhole) {
  const HexExample& block = example("snapshot-block");
  const HexExample& end = example("snapshot-end");
  EXPECT_EQ(block.number("offset"), kSnapshotHeaderBytes);
  EXPECT_EQ(end.number("offset"), kSnapshotHeaderBytes + block.bytes.size());
}

}  // namespace
}  // namespace forelog::format
