#include "cli/reports.h"

#include <chrono>
#include <nlohmann/json.hpp>

#include "cli/command.h"
#include "cli/units.h"

namespace forelog::cli {
namespace {

double seconds_of(std::chrono::nanoseconds duration) {
  return std::chrono::duration<double>(duration).count();
}

Json lsn_or_null(Lsn lsn) { return lsn == Lsn() ? Json(nullptr) : Json(lsn.value); }

Json time_or_null(Timestamp time) {
  return time == Timestamp() ? Json(nullptr) : Json(time_text(time));
}

std::uint64_t records_between(Lsn first, Lsn last) {
  return last < first ? 0 : LsnRange{first, last}.count();
}

template <typename T>
Json list_of(const std::vector<T>& items) {
  Json list = Json::array();
  for (const T& item : items) list.push_back(to_json(item));
  return list;
}

}  // namespace

Json to_json(const Watermarks& watermarks) {
  return {{"appended", watermarks.appended.value},
          {"written", watermarks.written.value},
          {"synced", watermarks.synced.value}};
}

Json to_json(const SegmentInfo& segment) {
  const bool empty = segment.last_lsn < segment.first_lsn;
  return {{"number", segment.number},
          {"file", segment.file},
          {"state", to_string(segment.state)},
          {"first_lsn", segment.first_lsn.value},
          {"last_lsn", segment.last_lsn.value},
          {"records", records_between(segment.first_lsn, segment.last_lsn)},
          {"first_time", empty ? Json(nullptr) : time_or_null(segment.first_time)},
          {"last_time", empty ? Json(nullptr) : time_or_null(segment.last_time)},
          {"file_bytes", segment.file_bytes},
          {"data_bytes", segment.data_bytes}};
}

Json to_json(const Holder& holder) {
  return {{"name", holder.name},
          {"keep_from", holder.keep_from.value},
          {"bytes_max", holder.bytes_max},
          {"overrun", holder.overrun}};
}

Json to_json(const Damage& damage) {
  return {{"file", damage.file},
          {"offset", damage.offset},
          {"bytes", damage.bytes},
          {"first_lsn", lsn_or_null(damage.first_lsn)},
          {"last_lsn", lsn_or_null(damage.last_lsn)},
          {"what", damage.what},
          {"accepted", damage.accepted}};
}

Json to_json(const RecoveryReport& report) {
  return {{"verdict", to_string(report.verdict)},
          {"created", report.created},
          {"closed_cleanly", report.closed_cleanly},
          {"first_lsn", report.first_lsn.value},
          {"last_lsn", report.last_lsn.value},
          {"records", records_between(report.first_lsn, report.last_lsn)},
          {"proven_synced", report.proven_synced.value},
          {"segments", report.segments},
          {"bytes_scanned", report.bytes_scanned},
          {"torn_bytes", report.torn_bytes},
          {"torn_file", report.torn_file},
          {"torn_offset", report.torn_offset},
          {"damage", list_of(report.damage)},
          {"quarantined", report.quarantined},
          {"notes", report.notes},
          {"seconds", seconds_of(report.duration)}};
}

Json to_json(const LogInfo& info) {
  return {{"log_id", info.log_id},
          {"format_version", info.format_version},
          {"writer_alive", info.writer_alive},
          {"first_lsn", info.first_lsn.value},
          {"last_lsn", info.last_lsn.value},
          {"records", records_between(info.first_lsn, info.last_lsn)},
          {"watermarks", to_json(info.watermarks)},
          {"segments", list_of(info.segments)},
          {"holders", list_of(info.holders)},
          {"recovery", to_json(info.recovery)}};
}

Json to_json(const VerifyReport& report) {
  return {{"verdict", to_string(report.recovery.verdict)},
          {"segments", report.segments},
          {"frames", report.frames},
          {"records", report.records},
          {"bytes", report.bytes},
          {"seconds", seconds_of(report.duration)},
          {"bytes_per_second", per_second(report.bytes, report.duration)},
          {"recovery", to_json(report.recovery)}};
}

std::string json_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string records_text(Lsn first, Lsn last) {
  const std::uint64_t count = records_between(first, last);
  if (count == 0) return "no records";
  const std::string text = count_of(count, "record") + ": LSN " + std::to_string(first.value);
  return count == 1 ? text : text + " to " + std::to_string(last.value);
}

Status not_yet_written(Lsn lsn, Lsn last) {
  return {Code::not_found,
          "LSN " + std::to_string(lsn.value) + " is not yet written: the log " +
              (last == Lsn() ? "has no record" : "ends at LSN " + std::to_string(last.value))};
}

void note_recovery(const RecoveryReport& recovery) {
  if (recovery.verdict == Verdict::clean) return;
  report(recovery.to_string());
}

}  // namespace forelog::cli
