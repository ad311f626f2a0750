#include "cli/units.h"

#include <array>
#include <cctype>
#include <charconv>
#include <cstddef>
#include <cstdio>
#include <limits>
#include <optional>

#include "base/text.h"
#include "forelog/bytes.h"

namespace forelog::cli {
namespace {

using std::chrono::nanoseconds;

Status unreadable(std::string_view text, std::string_view what) {
  return {Code::invalid_argument, "'" + std::string(text) + "' is not " + std::string(what)};
}

// Reads digits off the front of `text`; nullopt when there are none. Of too many: nullopt too, or,
// if `clamp`, the largest T.
template <typename T>
std::optional<T> take_number(std::string_view& text, bool clamp = false) {
  T value = std::numeric_limits<T>::max();
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) == 0) return {};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() && !clamp) return {};
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text[0] != c) return false;
  text.remove_prefix(1);
  return true;
}

// Exactly `digits` digits, below or equal to `max`.
std::optional<int> take_field(std::string_view& text, std::size_t digits, int max) {
  std::string_view field = text.substr(0, digits);
  const std::optional<int> value = take_number<int>(field);
  if (text.size() < digits || !field.empty() || !value || *value > max) return {};
  text.remove_prefix(digits);
  return value;
}

// ".25" behind a number of seconds; what is finer than a nanosecond is dropped.
std::optional<nanoseconds> take_fraction(std::string_view& text) {
  if (!take(text, '.')) return nanoseconds(0);
  if (text.empty() || std::isdigit(static_cast<unsigned char>(text[0])) == 0) return {};
  std::int64_t value = 0;
  std::int64_t unit = 100'000'000;
  while (!text.empty() && std::isdigit(static_cast<unsigned char>(text[0])) != 0) {
    value += (text[0] - '0') * unit;
    unit /= 10;
    text.remove_prefix(1);
  }
  return nanoseconds(value);
}

constexpr std::int64_t kSecondsMax = 9'223'372'036;  // What a Timestamp can hold, to April 2262.

// Of a text that has one of the forms of a time: what it says, or that no Timestamp can hold it.
using Reading = Result<Timestamp>;

Reading out_of_range(std::string_view text) {
  return Status(Code::invalid_argument,
                "'" + std::string(text) + "' is out of range: a time is from 1970 to 2261");
}

std::optional<Reading> parse_epoch(std::string_view whole) {
  std::string_view text = whole;
  if (!take(text, '@')) return {};
  const std::optional<std::int64_t> seconds = take_number<std::int64_t>(text, true);
  if (!seconds) return {};
  const std::optional<nanoseconds> fraction = take_fraction(text);
  if (!fraction || !text.empty()) return {};
  if (*seconds >= kSecondsMax) return out_of_range(whole);
  return Timestamp(std::chrono::seconds(*seconds) + *fraction);
}

std::optional<std::int64_t> seconds_in(char unit) {
  switch (unit) {
    case 's': return 1;
    case 'm': return 60;
    case 'h': return 3600;
    case 'd': return 86'400;
    case 'w': return 7 * 86'400;
    default: return {};
  }
}

std::optional<Reading> parse_ago(std::string_view whole, Timestamp now) {
  std::string_view text = whole;
  if (text.ends_with("ago")) {
    text.remove_suffix(3);
    if (text.empty() || text.back() != ' ') return {};
    text = text.substr(0, text.find_last_not_of(' ') + 1);
  }
  std::int64_t total = 0;
  bool too_long = false;
  if (text.empty()) return {};
  while (!text.empty()) {
    const std::optional<std::int64_t> number = take_number<std::int64_t>(text, true);
    if (!number || text.empty()) return {};
    const std::optional<std::int64_t> unit = seconds_in(text[0]);
    if (!unit) return {};
    text.remove_prefix(1);
    too_long = too_long || *number > (kSecondsMax - total) / *unit;
    if (!too_long) total += *number * *unit;
  }
  if (too_long) return out_of_range(whole);
  const Timestamp epoch{};
  const std::chrono::seconds ago(total);
  return now - epoch < ago ? epoch : now - ago;
}

std::optional<std::chrono::year_month_day> take_date(std::string_view& text) {
  const std::optional<int> year = take_field(text, 4, 9999);
  if (!year || !take(text, '-')) return {};
  const std::optional<int> month = take_field(text, 2, 12);
  if (!month || !take(text, '-')) return {};
  const std::optional<int> day = take_field(text, 2, 31);
  if (!day) return {};
  const std::chrono::year_month_day date(std::chrono::year(*year),
                                         std::chrono::month(static_cast<unsigned>(*month)),
                                         std::chrono::day(static_cast<unsigned>(*day)));
  if (!date.ok()) return {};
  return date;
}

// "03:04", "03:04:05", "03:04:05.678".
std::optional<nanoseconds> take_time_of_day(std::string_view& text) {
  const std::optional<int> hour = take_field(text, 2, 23);
  if (!hour || !take(text, ':')) return {};
  const std::optional<int> minute = take_field(text, 2, 59);
  if (!minute) return {};
  const nanoseconds whole = std::chrono::hours(*hour) + std::chrono::minutes(*minute);
  if (!take(text, ':')) return whole;
  const std::optional<int> second = take_field(text, 2, 60);  // 60: a leap second.
  if (!second) return {};
  const std::optional<nanoseconds> fraction = take_fraction(text);
  if (!fraction) return {};
  return whole + std::chrono::seconds(*second) + *fraction;
}

// "Z", "+02:00", "-0530"; nothing: UTC. What is to be taken off the local time.
std::optional<std::chrono::minutes> take_offset(std::string_view& text) {
  if (text.empty() || take(text, 'Z') || take(text, 'z')) return std::chrono::minutes(0);
  const int sign = text[0] == '-' ? -1 : 1;
  if (!take(text, '+') && !take(text, '-')) return {};
  const std::optional<int> hours = take_field(text, 2, 23);
  if (!hours) return {};
  take(text, ':');
  const std::optional<int> minutes = take_field(text, 2, 59);
  if (!minutes) return {};
  return sign * (std::chrono::hours(*hours) + std::chrono::minutes(*minutes));
}

// Without a time of day: midnight, UTC.
std::optional<Reading> parse_date_and_time(std::string_view whole) {
  std::string_view text = whole;
  const std::optional<std::chrono::year_month_day> date = take_date(text);
  if (!date) return {};
  nanoseconds behind_midnight(0);
  if (!text.empty()) {
    if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return {};
    const std::optional<nanoseconds> time_of_day = take_time_of_day(text);
    if (!time_of_day) return {};
    const std::optional<std::chrono::minutes> offset = take_offset(text);
    if (!offset || !text.empty()) return {};
    behind_midnight = *time_of_day - *offset;
  }
  if (date->year() < std::chrono::year(1970) || date->year() > std::chrono::year(2261)) {
    return out_of_range(whole);
  }
  return Timestamp(std::chrono::sys_days(*date)) + behind_midnight;
}

std::string scaled(double value, const char* unit) {
  std::array<char, 64> text;
  const int digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const int length = std::snprintf(text.data(), text.size(), "%.*f %s", digits, value, unit);
  return {text.data(), static_cast<std::size_t>(length)};
}

}  // namespace

Result<std::uint64_t> parse_bytes(std::string_view text) {
  struct Unit {
    std::string_view name;
    std::uint64_t bytes;
  };
  constexpr std::array kUnits = {
      Unit{"", 1},       Unit{"b", 1},          Unit{"k", KiB},           Unit{"kib", KiB},
      Unit{"m", MiB},    Unit{"mib", MiB},      Unit{"g", GiB},           Unit{"gib", GiB},
      Unit{"kb", 1'000}, Unit{"mb", 1'000'000}, Unit{"gb", 1'000'000'000}};
  std::string_view rest = text;
  const std::optional<std::uint64_t> number = take_number<std::uint64_t>(rest);
  take(rest, ' ');
  std::string name;
  for (const char c : rest) name += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const Unit& unit : kUnits) {
    if (number && unit.name == name && *number <= UINT64_MAX / unit.bytes) {
      return *number * unit.bytes;
    }
  }
  return unreadable(text, "a size in bytes: write 4096, 64KiB, 64K, 1M or 2GiB");
}

Result<std::uint64_t> parse_count_or_zero(std::string_view text) {
  std::string_view rest = text;
  const std::optional<std::uint64_t> number = take_number<std::uint64_t>(rest);
  if (!number || !rest.empty()) return unreadable(text, "a whole number");
  return *number;
}

Result<std::uint64_t> parse_count(std::string_view text) {
  Result<std::uint64_t> number = parse_count_or_zero(text);
  if (number && *number == 0) return unreadable(text, "a number from 1");
  return number;
}

Result<Lsn> parse_lsn_or_zero(std::string_view text) {
  std::string_view rest = text;
  const std::optional<std::uint64_t> number = take_number<std::uint64_t>(rest);
  if (!number || !rest.empty()) return unreadable(text, "an LSN: a whole number from 1");
  return Lsn(*number);
}

Result<Lsn> parse_lsn(std::string_view text) {
  Result<Lsn> lsn = parse_lsn_or_zero(text);
  if (lsn && *lsn == Lsn()) return unreadable(text, "an LSN: they are counted from 1");
  return lsn;
}

Result<Durability> parse_level(std::string_view text) {
  for (const Durability level : {Durability::buffered, Durability::written, Durability::synced}) {
    if (text == to_string(level)) return level;
  }
  return unreadable(text, "a level: buffered, written or synced");
}

Result<Timestamp> parse_time(std::string_view text, Timestamp now) {
  if (const std::optional<Reading> time = parse_date_and_time(text)) return *time;
  if (const std::optional<Reading> time = parse_epoch(text)) return *time;
  if (const std::optional<Reading> time = parse_ago(text, now)) return *time;
  return unreadable(text,
                    "a time: write 2026-01-02T03:04:05Z, '2026-01-02 03:04:05' (UTC), 2026-01-02 "
                    "(midnight UTC), @1767323045 or how long ago: 90s, 10m, 2h, 3d");
}

std::string time_text(Timestamp time) {
  const auto days = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(days);
  const std::chrono::hh_mm_ss<nanoseconds> clock(time - days);
  std::array<char, 64> text;
  const int length = std::snprintf(
      text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%09dZ",
      static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
      static_cast<unsigned>(date.day()), static_cast<int>(clock.hours().count()),
      static_cast<int>(clock.minutes().count()), static_cast<int>(clock.seconds().count()),
      static_cast<int>(clock.subseconds().count()));
  return {text.data(), static_cast<std::size_t>(length)};
}

std::string bytes_text(std::uint64_t bytes) {
  if (bytes < KiB) return std::to_string(bytes) + " B";
  if (bytes < MiB) return scaled(static_cast<double>(bytes) / static_cast<double>(KiB), "KiB");
  if (bytes < GiB) return scaled(static_cast<double>(bytes) / static_cast<double>(MiB), "MiB");
  return scaled(static_cast<double>(bytes) / static_cast<double>(GiB), "GiB");
}

std::string count_text(std::uint64_t count) {
  std::string text = std::to_string(count);
  for (std::size_t at = text.size(); at > 3; at -= 3) text.insert(at - 3, 1, ',');
  return text;
}

std::string count_of(std::uint64_t count, std::string_view thing) {
  return count_text(count) + " " + base::plural(count, thing);
}

std::string duration_text(nanoseconds duration) {
  const auto ns = static_cast<double>(duration.count());
  if (ns < 1e3) return std::to_string(duration.count()) + " ns";
  if (ns < 1e6) return scaled(ns / 1e3, "us");
  if (ns < 1e9) return scaled(ns / 1e6, "ms");
  return scaled(ns / 1e9, "s");
}

double per_second(std::uint64_t count, nanoseconds duration) {
  if (duration.count() <= 0) return 0;
  return static_cast<double>(count) / std::chrono::duration<double>(duration).count();
}

}  // namespace forelog::cli
