#include "growth_series.h"

#include <array>
#include <cstddef>
#include <cstdio>

#include "cli/bench_table.h"
#include "cli/units.h"

namespace forelog::bench {
namespace {

using Json = nlohmann::ordered_json;

constexpr int kCell = 30;

std::string padded(const std::string& text) {
  std::array<char, 128> cell{};
  std::snprintf(cell.data(), cell.size(), "%*s", kCell, text.c_str());
  return cell.data();
}

std::string x_text(const SeriesTable& table, double x) {
  const auto whole = static_cast<std::uint64_t>(x);
  std::array<char, 64> cell{};
  std::snprintf(
      cell.data(), cell.size(), "  %-12s",
      table.x_unit == "bytes" ? cli::bytes_text(whole).c_str() : cli::count_text(whole).c_str());
  return cell.data();
}

std::string spread_text(const Json& value) {
  if (!value.is_object()) return "";
  const double median = value["median"];
  const double unit = median < 1e6 ? 1 : 1e6;
  const int decimals = median < 99.5 || unit > 1 ? 2 : 0;
  std::array<char, 96> cell{};
  std::snprintf(cell.data(), cell.size(), "%.*f%s (%.*f-%.*f)", decimals, median / unit,
                unit > 1 ? " M" : "", decimals, value["min"].get<double>() / unit, decimals,
                value["max"].get<double>() / unit);
  return cell.data();
}

}  // namespace

Json spread_json(const Spread& value) {
  return {{"median", value.median}, {"min", value.min}, {"max", value.max}};
}

Report series_report(const SeriesTable& table) {
  std::string text = table.title + "\n  " + table.shown_label + ": median (lowest-highest)\n";
  std::array<char, 64> first{};
  std::snprintf(first.data(), first.size(), "  %-12s", table.x_label.c_str());
  text += first.data();
  for (const Series& series : table.series) text += padded(series.name);
  text += "\n";
  const std::size_t points = table.series.empty() ? 0 : table.series.front().points.size();
  for (std::size_t i = 0; i < points; ++i) {
    text += x_text(table, table.series.front().points[i]["x"]);
    for (const Series& series : table.series) {
      text += padded(spread_text(series.points[i].value(table.shown, Json())));
    }
    text += "\n";
  }
  if (!table.note.empty()) text += "  " + table.note + "\n";

  auto all = Json::array();
  for (const Series& series : table.series) {
    all.push_back(
        {{"name", series.name}, {"role", role_name(series.role)}, {"points", series.points}});
  }
  Json json = {{"name", table.name},
               {"title", table.title},
               {"x_label", table.x_label},
               {"x_unit", table.x_unit},
               {"series", std::move(all)}};
  if (!table.note.empty()) json["note"] = table.note;
  return {std::move(text), std::move(json)};
}

}  // namespace forelog::bench
