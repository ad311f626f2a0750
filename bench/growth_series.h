// The points of a growth report (growth.h), as JSON and as a table for people.
//
// Threading: pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "cli/bench_run.h"
#include "recovery.h"

namespace forelog::bench {

struct Series {
  std::string name;
  Role role = Role::forelog;
  std::vector<nlohmann::ordered_json> points;  // Each has "x"; in ascending order of it.
};

struct SeriesTable {
  std::string name, title, x_label;
  std::string x_unit;          // "bytes" are printed with their prefix; "" for a plain number.
  std::vector<Series> series;  // All of them have the same x.
  // The figure that the table shows, a spread in its field of that name, and what a cell means.
  std::string shown, shown_label;
  std::string note = {};  // A line below the table; empty for none.
};

nlohmann::ordered_json spread_json(const Spread& value);

// Text: a line for each x, a column for each series. JSON: as growth.h says.
Report series_report(const SeriesTable& table);

}  // namespace forelog::bench
