"""What `make bench-states` measured, as one part of a page: states that survive, beside a bare log."""

from . import svg
from .figures import Page, growth_series, ratio, spread_text, table, three_digits
from .targets import at_least, at_most, Row


class StatesPage(Page):
    def __init__(self, results, plot_dir):
        super().__init__(results, plot_dir)
        self.measured = {s["name"]: s for s in results.get("states", [])}

    def parts(self):
        return {"states": "\n".join([self.machine(), self.targets(), self.rates(), self.pause(), self.reopen(),
                                     self.pairs()])}

    def contestants(self):
        """Of each number of callers: its workload, and the contestants that have a state."""
        for workload in self.results["workloads"]:
            if workload["name"].startswith("states-"):
                yield workload, [c for c in workload["contestants"] if c["role"] == "forelog"]

    def targets(self):
        rows = []
        for workload, own in self.contestants():
            for c in own:
                rows.append(Row(f"{c['name']}, {callers(workload)}", "0.9 of the bare log's rate").check(
                    c["of_limit"]["median"], at_least(0.9), "{:.2f}"))
        for line in self.measured.get("states-reopen", {}).get("series", []):
            if not line["name"].startswith("budget of "):
                continue
            bound = float(line["name"].split()[2])
            worst = max(p["milliseconds"]["max"] for p in line["points"]) / 1e3
            rows.append(Row(f"reopening, {line['name']}", f"at most {bound:g} s, whatever the log").check(
                worst, at_most(bound), "{:.2f} s at most"))
        lines = ["| what | target | measured | |", "|---|---|---|---|"]
        return "\n".join(lines + [row.line() for row in rows]) + "\n"

    def rates(self):
        rows = []
        for workload, _ in self.contestants():
            for c in workload["contestants"]:
                name = f"**{c['name']}**" if c["role"] == "forelog" else c["name"]
                rows.append([f"{callers(workload)}: {name}", f"{c['records_per_second']:,.0f}",
                             *(three_digits(c[f]) for f in ("p50_us", "p99_us", "p999_us", "cpu_us_per_record")),
                             ratio(c["of_limit"]) if c["role"] == "forelog" else ""])
        if not rows:
            return ""
        return ("Updates of 128 B, each synced and applied before it returns:\n\n" + table(
            ["", "updates/s", "p50 us", "p99 us", "p99.9 us", "CPU us", "of the bare log"], rows))

    def pause(self):
        pause = self.measured.get("states-pause")
        if not pause:
            return ""
        rows = []
        for c in pause["contestants"]:
            name = f"**{c['name']}**" if c["role"] == "forelog" else c["name"]
            for part, label in (("quiet", ", before"), ("during", ", during")):
                during = part == "during"
                figures = c[part]
                rows.append([name + label, f"{figures['rate']['median']:,.0f}",
                             *(f"{figures[f]['median']:,.0f}" for f in ("p50_us", "p99_us")),
                             spread_text(figures["p999_us"], 0), f"{figures['max_us']['max']:,.0f}",
                             ratio(c["rate_kept"]) if during else "",
                             f"{c['checkpoint_seconds']['median']:.2f} s" if during else "",
                             f"{c['last_pause_us']['median']:.0f} us" if during and "last_pause_us" in c else ""])
        return (f"**states-pause**: {pause['title']}. Microseconds of an update, and in the last column for how "
                "long the checkpoint kept all of them waiting (`DurableStats::last_pause`):\n\n" + table(
                    ["", "updates/s", "p50", "p99", "p99.9", "max", "rate kept", "checkpoint", "image"], rows))

    def reopen(self):
        reopen = self.measured.get("states-reopen")
        if not reopen:
            return ""
        plot = svg.lines(reopen["title"], reopen["x_label"], "ms", growth_series(reopen, "milliseconds"), False, True)
        rows = []
        for i, point in enumerate(reopen["series"][0]["points"]):
            row = [f"{point['x']:,}"]
            for series in reopen["series"]:
                p = series["points"][i]
                row += [spread_text(p["milliseconds"], 0), f"{p['replayed']['median']:,.0f}"]
            rows.append(row)
        head = [h for s in reopen["series"] for h in (s["name"] + ", ms", "replayed")]
        return (f"**states-reopen**: {reopen['title']}\n\n" +
                self.plot("states-reopen", reopen["title"], plot) + "\n" + table(["updates", *head], rows))

    def pairs(self):
        pairs = self.measured.get("states-pairs")
        if not pairs:
            return ""
        rows = [[s["name"], spread_text(s["milliseconds"], 0), svg.with_bytes(s["own_memory_bytes"]),
                 svg.with_bytes(s["snapshot_bytes"]) if s.get("snapshot_bytes") else ""] for s in pairs["steps"]]
        return f"**states-pairs**: {pairs['title']}\n\n" + table(["", "ms", "own memory", "snapshot"], rows)


def callers(workload):
    count = workload["name"].removeprefix("states-")
    return f"{count} caller{'s'[:count != '1']}"
