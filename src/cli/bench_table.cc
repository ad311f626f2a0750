#include "cli/bench_table.h"

#include <sys/utsname.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <fstream>
#include <string_view>
#include <thread>

#include "cli/units.h"
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

std::string_view role_name(Role role) {
  switch (role) {
    case Role::limit: return "limit";
    case Role::reference: return "reference";
    case Role::forelog: return "forelog";
    case Role::peer: return "peer";
  }
  return "";
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

Latency median_latency(const ContestantResult& contestant) {
  std::vector<double> p50, p99, p999;
  for (const Measurement& round : contestant.rounds) {
    if (!round.latency) continue;
    p50.push_back(round.latency->p50_us);
    p99.push_back(round.latency->p99_us);
    p999.push_back(round.latency->p999_us);
  }
  return {spread(p50).median, spread(p99).median, spread(p999).median};
}

double median_cpu(const ContestantResult& contestant) {
  return median_of(contestant, [](const Measurement& round) { return round.cpu_us_per_record(); });
}

std::string latency_cells(const ContestantResult& contestant) {
  const Latency latency = median_latency(contestant);
  if (latency.p50_us <= 0) return format("%8s%8s%8s", "", "", "");
  return format("%8s%8s%8s", three_digits(latency.p50_us).c_str(),
                three_digits(latency.p99_us).c_str(), three_digits(latency.p999_us).c_str());
}

std::string row(const ContestantResult& contestant, const ContestantResult* limit,
                const ContestantResult* peer) {
  std::string line = format("  %-26s", contestant.name.c_str());
  line +=
      format("%12s", cli::count_text(static_cast<std::uint64_t>(median_rate(contestant))).c_str());
  line += latency_cells(contestant);
  line += format("%8s", three_digits(median_cpu(contestant)).c_str());
  if (limit != nullptr) line += format("%18s", ratio_cell(ratios(contestant, *limit)).c_str());
  if (peer != nullptr) line += format("%18s", ratio_cell(ratios(contestant, *peer)).c_str());
  return line + "\n";
}

nlohmann::ordered_json spread_json(const Spread& value) {
  return {{"median", value.median}, {"min", value.min}, {"max", value.max}};
}

nlohmann::ordered_json rounds_json(const ContestantResult& contestant) {
  auto rounds = nlohmann::ordered_json::array();
  for (const Measurement& round : contestant.rounds) {
    nlohmann::ordered_json object = {{"records", round.records},
                                     {"seconds", round.seconds},
                                     {"records_per_second", round.rate()},
                                     {"cpu_us_per_record", round.cpu_us_per_record()},
                                     {"others_share", round.others_share}};
    if (round.latency) {
      object["p50_us"] = round.latency->p50_us;
      object["p99_us"] = round.latency->p99_us;
      object["p999_us"] = round.latency->p999_us;
    }
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

std::string table(const WorkloadResult& result) {
  const ContestantResult* limit = best(result, Role::limit);
  const ContestantResult* peer = best(result, Role::peer);
  std::string text = result.title + "\n";
  text += format("  %-26s%12s%8s%8s%8s%8s", "", "records/s", "p50 us", "p99", "p99.9", "CPU us");
  if (limit != nullptr) text += format("%18s", "of the limit");
  if (peer != nullptr) text += format("%18s", "of the best peer");
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
      "records/s, latencies of a call and CPU time per record (user and system, all threads of "
      "the\n"
      "process): medians of the rounds. Ratios: of rates within one round; median "
      "(lowest-highest).\n"
      "The limit: the fastest contestant called `limit`, which writes or reads the same bytes "
      "with\n"
      "no log behind it.\n";
  if (with_peers) text += "The best peer: the one with the highest median rate in that table.\n";
  return text;
}

nlohmann::ordered_json to_json(const WorkloadResult& result) {
  const ContestantResult* limit = best(result, Role::limit);
  const ContestantResult* peer = best(result, Role::peer);
  auto contestants = nlohmann::ordered_json::array();
  for (const ContestantResult& contestant : result.contestants) {
    const Latency latency = median_latency(contestant);
    nlohmann::ordered_json object = {{"name", contestant.name},
                                     {"role", role_name(contestant.role)},
                                     {"records_per_second", median_rate(contestant)},
                                     {"cpu_us_per_record", median_cpu(contestant)}};
    if (latency.p50_us > 0) {
      object["p50_us"] = latency.p50_us;
      object["p99_us"] = latency.p99_us;
      object["p999_us"] = latency.p999_us;
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
