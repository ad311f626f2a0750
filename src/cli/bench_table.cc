#include "cli/bench_table.h"

#include <sys/utsname.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <optional>
#include <string_view>
#include <thread>
#include <utility>

#include "cli/units.h"
#include "forelog/bytes.h"
#include "forelog/version.h"

namespace forelog::bench {
namespace {

// Above it a table warns. The kernel's own work for a benchmark is about half of that.
constexpr double kOthersShareMax = 0.2;

[[gnu::format(printf, 1, 2)]] std::string format(const char* pattern, ...) {
  std::array<char, 256> text{};
  std::va_list arguments;
  va_start(arguments, pattern);
  std::vsnprintf(text.data(), text.size(), pattern, arguments);
  va_end(arguments);
  return text.data();
}

// Three digits that matter, whatever the size: "0.981", "12.3", "417".
std::string three_digits(double value) {
  const int decimals = value < 0.0995 ? 4 : value < 9.95 ? 2 : value < 99.5 ? 1 : 0;
  return format("%.*f", decimals, value);
}

std::string ratio_cell(const Spread& ratio) {
  const int decimals = ratio.max < 9.95 ? 2 : ratio.max < 99.5 ? 1 : 0;
  return format("%.*f (%.*f-%.*f)", decimals, ratio.median, decimals, ratio.min, decimals,
                ratio.max);
}

// A figure of each round that not every round has.
using Figure = std::optional<double> (*)(const Measurement&);

struct NamedFigure {
  const char* name;
  Figure of;
};
template <double Latency::*Field>
std::optional<double> latency_of(const Measurement& round) {
  const std::optional<Latency> latency = round.latency();
  return latency ? std::optional(*latency.*Field) : std::nullopt;
}
// In JSON, for each round and as the median of the rounds.
constexpr std::array kFigures = {
    NamedFigure{"p50_us", latency_of<&Latency::p50_us>},
    NamedFigure{"p99_us", latency_of<&Latency::p99_us>},
    NamedFigure{"p999_us", latency_of<&Latency::p999_us>},
    NamedFigure{"max_us", latency_of<&Latency::max_us>},
    NamedFigure{"cpu_us_per_record",
                [](const Measurement& round) { return std::optional(round.cpu_us_per_record()); }},
    NamedFigure{"context_switches_per_record",
                [](const Measurement& round) {
                  return std::optional(round.context_switches_per_record());
                }},
    NamedFigure{"device_bytes_per_payload_byte",
                [](const Measurement& round) { return round.device_bytes_per_payload_byte(); }},
    NamedFigure{"memory_peak_bytes", [](const Measurement& round) {
                  return std::optional(static_cast<double>(round.memory_peak_bytes));
                }}};
constexpr const char* kColumns[] = {"p50 us", "p99", "p99.9", "CPU us", "ctx", "dev B", "MiB"};

std::optional<double> median(const ContestantResult& contestant, Figure figure) {
  std::vector<double> values;
  for (const Measurement& round : contestant.rounds) {
    if (const auto value = figure(round)) values.push_back(*value);
  }
  if (values.empty()) return std::nullopt;
  return spread(std::move(values)).median;
}

std::string figure_cells(const ContestantResult& contestant) {
  std::string cells;
  for (const NamedFigure& figure : kFigures) {
    const std::string_view name = figure.name;
    if (name == "max_us") continue;
    std::optional<double> value = median(contestant, figure.of);
    if (value && name == "memory_peak_bytes") *value /= static_cast<double>(MiB);
    cells += format("%7s", value ? three_digits(*value).c_str() : "");
  }
  return cells;
}

std::string row(const ContestantResult& contestant, const ContestantResult* limit,
                const ContestantResult* peer) {
  std::string line = format("  %-24s", contestant.name.c_str());
  if (contestant.rounds.empty()) return line + "  not here: " + contestant.absent + "\n";
  line +=
      format("%11s", cli::count_text(static_cast<std::uint64_t>(median_rate(contestant))).c_str());
  line += figure_cells(contestant);
  if (limit != nullptr) line += format("%17s", ratio_cell(ratios(contestant, *limit)).c_str());
  if (peer != nullptr) line += format("%17s", ratio_cell(ratios(contestant, *peer)).c_str());
  return line + "\n";
}

nlohmann::ordered_json spread_json(const Spread& value) {
  return {{"median", value.median}, {"min", value.min}, {"max", value.max}};
}

// null where there is none.
nlohmann::ordered_json figure_json(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json rounds_json(const ContestantResult& contestant) {
  auto rounds = nlohmann::ordered_json::array();
  for (const Measurement& round : contestant.rounds) {
    nlohmann::ordered_json object = {{"records", round.records},
                                     {"seconds", round.seconds},
                                     {"records_per_second", round.rate()},
                                     {"others_share", round.others_share}};
    for (const NamedFigure& figure : kFigures) object[figure.name] = figure_json(figure.of(round));
    rounds.push_back(std::move(object));
  }
  return rounds;
}

// The type of the file system that holds `dir`, from the longest mount point above it.
std::string file_system_type(const std::filesystem::path& dir) {
  std::error_code ignored;
  const std::string path = std::filesystem::weakly_canonical(dir, ignored).string() + "/";
  std::ifstream mounts("/proc/self/mounts");
  std::string device, mount, type, rest, best_type = "unknown";
  std::size_t best_length = 0;
  while (mounts >> device >> mount >> type && std::getline(mounts, rest)) {
    const std::string prefix = mount == "/" ? mount : mount + "/";
    if (path.starts_with(prefix) && prefix.size() >= best_length) {
      best_length = prefix.size();
      best_type = type;
    }
  }
  return best_type;
}

}  // namespace

std::string_view role_name(Role role) {
  switch (role) {
    case Role::limit: return "limit";
    case Role::reference: return "reference";
    case Role::forelog: return "forelog";
    case Role::peer: return "peer";
  }
  return "";
}

std::string table(const WorkloadResult& result) {
  const ContestantResult* limit = best(result, Role::limit);
  const ContestantResult* peer = best(result, Role::peer);
  std::string text = result.title + "\n";
  text += format("  %-24s%11s", "", "records/s");
  for (const char* column : kColumns) text += format("%7s", column);
  if (limit != nullptr) text += format("%17s", "of the limit");
  if (peer != nullptr) text += format("%17s", "of the best peer");
  text += "\n";
  for (const ContestantResult& contestant : result.contestants) {
    text += row(contestant, limit, peer);
  }
  if (const double others = others_share(result); others > kOthersShareMax) {
    text += format("  Not a quiet machine: other programs took %.0f %% of its processors.\n",
                   others * 100);
  }
  return text;
}

std::string legend(bool with_peers) {
  std::string text =
      "Medians of the rounds. Latencies are those of a call. CPU us: user and system time of all "
      "the\n"
      "threads of the contestant's process, per record; ctx: their context switches per record.\n"
      "dev B: bytes written to the block device, by whomever, per byte of payload. MiB: the most "
      "memory\n"
      "that was resident, less what was before the contestant was opened. Ratios: of rates within "
      "one\n"
      "round; median (lowest-highest). The limit: the fastest contestant called `limit`, which "
      "writes\n"
      "or reads the same bytes with no log behind it.\n";
  if (with_peers) text += "The best peer: the one with the highest median rate in that table.\n";
  return text;
}

nlohmann::ordered_json to_json(const WorkloadResult& result) {
  const ContestantResult* limit = best(result, Role::limit);
  const ContestantResult* peer = best(result, Role::peer);
  auto contestants = nlohmann::ordered_json::array();
  for (const ContestantResult& contestant : result.contestants) {
    if (contestant.rounds.empty()) continue;
    nlohmann::ordered_json object = {{"name", contestant.name},
                                     {"role", role_name(contestant.role)},
                                     {"records_per_second", median_rate(contestant)}};
    for (const NamedFigure& figure : kFigures) {
      object[figure.name] = figure_json(median(contestant, figure.of));
    }
    if (limit != nullptr) object["of_limit"] = spread_json(ratios(contestant, *limit));
    if (peer != nullptr) object["of_best_peer"] = spread_json(ratios(contestant, *peer));
    object["rounds"] = rounds_json(contestant);
    contestants.push_back(std::move(object));
  }
  nlohmann::ordered_json object = {{"name", result.name}, {"title", result.title}};
  if (limit != nullptr) object["limit"] = limit->name;
  if (peer != nullptr) object["best_peer"] = peer->name;
  object["others_share"] = others_share(result);
  object["contestants"] = std::move(contestants);
  return object;
}

nlohmann::ordered_json machine(const std::filesystem::path& dir) {
  utsname names{};
  ::uname(&names);
  std::error_code error;
  const std::filesystem::space_info space = std::filesystem::space(dir, error);
  return {{"forelog", version()},
          {"kernel", std::string(names.sysname) + " " + names.release},
          {"architecture", names.machine},
          {"processors", std::thread::hardware_concurrency()},
          {"file_system", file_system_type(dir)},
          {"free_bytes", error ? 0 : space.available}};
}

std::string machine_line(const std::filesystem::path& dir) {
  const nlohmann::ordered_json object = machine(dir);
  return "Forelog " + object["forelog"].get<std::string>() + ", " +
         object["kernel"].get<std::string>() + ", " + object["architecture"].get<std::string>() +
         ", " + std::to_string(object["processors"].get<unsigned>()) + " processors, " +
         object["file_system"].get<std::string>() + ", " +
         cli::bytes_text(object["free_bytes"].get<std::uint64_t>()) + " free";
}

}  // namespace forelog::bench
