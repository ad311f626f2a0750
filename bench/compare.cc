#include "compare.h"

#include <array>
#include <cstdio>
#include <fstream>
#include <map>
#include <utility>

#include <nlohmann/json.hpp>

#include "cli/bench_run.h"
#include "forelog/try.h"

namespace forelog::bench {
namespace {

struct Figures {
  double rate = 0, cpu = 0;
};
// By name of workload and contestant.
using Run = std::map<std::pair<std::string, std::string>, Figures>;

Result<Run> read_run(const std::filesystem::path& path) {
  std::ifstream file(path);
  const auto json = nlohmann::json::parse(file, nullptr, false);
  if (json.is_discarded() || !json.contains("workloads")) {
    return Status(Code::invalid_argument, path.string() + " holds no results of forelog_bench");
  }
  Run run;
  for (const auto& workload : json["workloads"]) {
    for (const auto& contestant : workload["contestants"]) {
      if (contestant["role"] != "forelog") continue;
      run[{workload["name"], contestant["name"]}] = {contestant["records_per_second"],
                                                     contestant["cpu_us_per_record"]};
    }
  }
  return run;
}

std::string line(const std::string& workload, const std::string& contestant, const Spread& rate,
                 const Spread& cpu) {
  std::array<char, 256> text{};
  std::snprintf(text.data(), text.size(), "  %-16s%-18s%6.3f (%.3f-%.3f)%9.3f (%.3f-%.3f)\n",
                workload.c_str(), contestant.c_str(), rate.median, rate.min, rate.max, cpu.median,
                cpu.min, cpu.max);
  return text.data();
}

}  // namespace

Result<std::string> compare(const std::vector<std::filesystem::path>& base,
                            const std::vector<std::filesystem::path>& here) {
  if (base.size() != here.size() || base.empty()) {
    return Status(Code::invalid_argument, "as many results of the one build as of the other");
  }
  std::map<std::pair<std::string, std::string>, std::vector<std::pair<double, double>>> ratios;
  for (std::size_t turn = 0; turn < base.size(); ++turn) {
    const Run before = FORELOG_TRY(read_run(base[turn]));
    for (const auto& [name, now] : FORELOG_TRY(read_run(here[turn]))) {
      const auto found = before.find(name);
      if (found == before.end() || found->second.rate <= 0 || found->second.cpu <= 0) continue;
      ratios[name].emplace_back(now.rate / found->second.rate, now.cpu / found->second.cpu);
    }
  }
  std::string text =
      "Here against the base: median (lowest-highest) over " + std::to_string(base.size()) +
      " turns\n                                          records/s          CPU per record\n";
  for (const auto& [name, turns] : ratios) {
    std::vector<double> rates, cpus;
    for (const auto& [rate, cpu] : turns) {
      rates.push_back(rate);
      cpus.push_back(cpu);
    }
    text += line(name.first, name.second, spread(rates), spread(cpus));
  }
  return text;
}

}  // namespace forelog::bench
