"""What the JSON of forelog_bench says, as parts of a page: Markdown, and the plots it shows. Fields that
a run does not have are left out; what was not measured is said."""

from . import svg
from .targets import targets_table

LATENCY = (("p50_us", "p50 us"), ("p99_us", "p99 us"), ("p999_us", "p99.9 us"))
OPTIONAL = (("cpu_us_per_record", "CPU us"), ("context_switches_per_record", "switches"),
            ("device_bytes_per_payload_byte", "device B/B"), ("memory_peak_bytes", "memory"))
PEERS = ("peer0", "peer1", "peer2")


def three_digits(value):
    if value == 0:
        return "0"
    decimals = 3 if value < 0.0995 else 2 if value < 9.95 else 1 if value < 99.5 else 0
    return f"{value:,.{decimals}f}"


def ratio(spread):
    return f"{spread['median']:.2f} ({spread['min']:.2f}–{spread['max']:.2f})" if spread else ""


def spread_text(spread, decimals=2):
    return f"{spread['median']:,.{decimals}f} ({spread['min']:,.{decimals}f}–{spread['max']:,.{decimals}f})"


def table(head, rows):
    """The first column to the left, the others to the right; a column without a figure is left out."""
    kept = [i for i, name in enumerate(head) if i == 0 or any(r[i] for r in rows)]
    lines = ["| " + " | ".join(head[i] for i in kept) + " |", "|" + "---|" + "--:|" * (len(kept) - 1)]
    lines += ["| " + " | ".join(r[i].replace("|", "\\|") for i in kept) + " |" for r in rows]
    return "\n".join(lines) + "\n"


def cell(contestant, field):
    value = contestant.get(field)
    if value is None:
        return ""
    if isinstance(value, dict):
        value = value["median"]
    return svg.with_bytes(value) if field.endswith("_bytes") else three_digits(value)


class Page:
    """Collects the plots that its parts refer to, by file name, as scripts (svg.py)."""

    def __init__(self, results, plot_dir):
        self.results = results
        self.plot_dir = plot_dir
        self.plots = {}

    def plot(self, name, alt, text):
        self.plots[name + ".svg"] = text
        return f"![{alt}]({self.plot_dir}{name}.svg)\n"

    def parts(self):
        return {"machine": self.machine(), "targets": targets_table(self.results), "ratios": self.ratios(),
                "workloads": self.workloads(), "recovery": self.recovery(), "lag": self.lag(),
                "growth": self.growth()}

    def machine(self):
        machine = self.results["machine"]
        free = svg.with_bytes(machine["free_bytes"])
        return (f"Forelog {machine['forelog']}, {machine['kernel']}, {machine['architecture']}, "
                f"{machine['processors']} processors, {machine['file_system']}, {free} free; "
                f"{self.results['rounds']} rounds, {self.results['seconds']:g} s for each contestant and round.\n")

    def forelog_of(self):
        for workload in self.results["workloads"]:
            own = [c for c in workload["contestants"] if c["role"] == "forelog"]
            for contestant in own:
                detail = contestant["name"].partition(", ")[2]
                yield workload, contestant, workload["name"] + (f", {detail}" if len(own) > 1 else "")

    def ratios(self):
        parts = []
        for field, file, title, mark in (
                ("of_limit", "of-limit", "Forelog's rate, of the limit's", "the limit"),
                ("of_best_peer", "of-best-peer", "Forelog's rate, of the best peer's", "the best peer")):
            rows = [(name, *(c[field][k] for k in ("median", "min", "max")))
                    for _, c, name in self.forelog_of() if field in c and c[field]["median"] > 0]
            if rows:
                plot = svg.bars(title + ": median, lowest and highest of the rounds", mark, rows,
                                log=field == "of_best_peer")
                parts.append(self.plot(file, title, plot))
        rows = []
        for workload in self.results["workloads"]:
            dots = [(kind(c, workload), 6 if c["role"] == "forelog" else 4, c["records_per_second"])
                    for c in workload["contestants"] if c["role"] != "reference"]
            limits = [d for d in dots if d[0] == "limit"]
            best_limit = max((d[2] for d in limits), default=0)
            order = {"limit": 0, "pale": 1, "peer0": 2, "forelog": 3}
            dots = [d for d in dots if d[0] != "limit" or d[2] == best_limit]
            rows.append((workload["name"], sorted(dots, key=lambda d: order[d[0]])))
        if rows:
            entries = (("limit", "limit"), ("forelog", "Forelog"), ("peer0", "best peer"), ("pale", "other peers"))
            plot = svg.rows_of_dots("Everybody's rate", "records/s, median of the rounds", rows, entries)
            parts.append(self.plot("rates", "Everybody's rate", plot))
        return "\n".join(parts)

    def workloads(self):
        parts = []
        head = ["", "records/s", *(h for _, h in LATENCY), *(h for _, h in OPTIONAL), "of the limit",
                "of the best peer"]
        for workload in self.results["workloads"]:
            rows = []
            for c in workload["contestants"]:
                name = f"**{c['name']}**" if c["role"] == "forelog" else c["name"]
                rows.append([name, f"{c['records_per_second']:,.0f}",
                             *(cell(c, f) for f, _ in (*LATENCY, *OPTIONAL)),
                             ratio(c.get("of_limit")), ratio(c.get("of_best_peer"))])
            parts.append(f"**{workload['name']}**: {workload['title']}\n\n" + table(head, rows) +
                         noise_note(workload))
        return "\n".join(parts)

    def recovery(self):
        parts = []
        opened = self.results.get("open_after_kill")
        if opened:
            rows = []
            for o in opened:
                rounds = o.get("rounds") or []
                rows.append([o.get("name", "Forelog") + ", " + svg.with_bytes(o["payload_bytes"]),
                             spread_text(o["open_ms"]),
                             largest(o, rounds, "bytes_scanned"), largest(o, rounds, "own_memory_bytes")])
            parts.append("Opening after kill -9, in a fresh process:\n\n" +
                         table(["", "ms", "scanned at most", "own memory at most"], rows))
        memory = self.results.get("memory")
        if memory:
            rows = [[m["process"], svg.with_bytes(m["own_peak_bytes"])] for m in memory]
            payload = memory[0].get("payload_bytes", 2 << 30)  # Older runs do not tell; full ones had so much.
            parts.append("Peak memory (VmHWM, less what the process had at the start of `main`), a log of "
                         f"{svg.with_bytes(payload)}:\n\n" + table(["process", "own memory"], rows))
        return "\n".join(parts)

    def lag(self):
        lags = self.results.get("tail_lag")
        if not lags:
            return "Not measured.\n"
        rows = []
        for c in lags["contestants"]:
            name = f"**{c['name']}**" if c["role"] == "forelog" else c["name"]
            lag = c["lag"]
            rows.append([name, f"{c['rate']['median']:,.0f}", spread_text(lag["p50_us"], 0),
                         spread_text(lag["p99_us"], 0), f"{lag['p999_us']['median']:,.0f}",
                         f"{lag['max_us']['max']:,.0f}", early(lag), f"{c['append_to_synced']['p50_us']['median']:,.0f}",
                         f"{c['append_to_received']['p50_us']['median']:,.0f}"])
        return table(["", "synced/s", "lag p50 us", "lag p99 us", "p99.9", "max", "tail first", "append to synced, p50",
                      "append to received, p50"], rows)

    def growth(self):
        parts = []
        for growth in self.results.get("growth", []):
            parts.append(f"**{growth['name']}**: {growth['title']}\n")
            plots = GROWTH_PLOTS.get(growth["name"], ())
            for file, title, y_label, log, field in plots:
                series = growth_series(growth, field)
                if not series:
                    continue
                plot = svg.lines(title, growth["x_label"], y_label, series, growth["x_unit"] == "bytes", log)
                parts.append(self.plot(file, title, plot))
            parts.append(growth_table(growth))
            if growth.get("note"):
                parts.append(growth["note"] + "\n")
        return "\n".join(parts) or "Not measured.\n"


# Of each growth report: file, title, label of y, whether y is logarithmic, field; "p50_us p99_us" and
# "lag" are drawn as two lines each.
GROWTH_PLOTS = {
    "growth-record": (
        ("record-rate", "1 writer, synced: records/s against the size of a record", "records/s", True, "rate"),
        ("record-bytes", "1 writer, synced: MB/s against the size of a record", "MB/s", True,
         "megabytes_per_second"),
        ("record-latency", "1 writer, synced: latency of a commit against the size of a record", "us", True,
         "p50_us p99_us")),
    "growth-append": (
        ("append-rate", "Buffered: records/s against the size of a record", "records/s", True, "rate"),
        ("append-bytes", "Buffered: MB/s against the size of a record", "MB/s", True, "megabytes_per_second")),
    "growth-writers": (
        ("writers-rate", "Synced: records/s against the number of writers", "records/s", True, "rate"),
        ("writers-cpu", "Synced: CPU per record against the number of writers", "us", False, "cpu_us_per_record"),
        ("writers-latency", "Synced: latency of a commit against the number of writers", "us", True,
         "p50_us p99_us")),
    "growth-log": (
        ("log-size", "Opening, and finding one record, against the size of the log", "ms", True,
         "milliseconds"),),
    "growth-tails": (
        ("tails-rate", "1 writer, synced: its records/s against the tails that follow it", "records/s", False,
         "rate"),
        ("tails-cpu", "1 writer, synced: CPU of its process per record against the tails", "us", False,
         "cpu_us_per_record"),
        ("tails-lag", "What the tails lag behind the sync", "us", True, "lag")),
}


def kind(contestant, workload):
    if contestant["role"] == "peer":
        return "peer0" if contestant["name"] == workload.get("best_peer") else "pale"
    return contestant["role"]


def series_kinds(series):
    """Limits grey, Forelog's first line its own colour, its others those of peers."""
    kinds, others = [], iter(PEERS)
    for s in series:
        own = s["role"] == "forelog" and "forelog" not in kinds
        kinds.append("limit" if s["role"] == "limit" else "forelog" if own else next(others))
    return kinds


def growth_series(growth, field):
    lines, limits = [], 0
    for series, colour in zip(growth["series"], series_kinds(growth["series"])):
        second_limit = colour == "limit" and limits > 0
        limits += colour == "limit"
        fields = {"p50_us p99_us": ("p50_us", "p99_us"), "lag": ("p50_us", "p99_us")}.get(field, (field,))
        if second_limit and len(fields) > 1:
            continue  # Two dashed lines that could not be told apart.
        for i, one in enumerate(fields):
            points = []
            for p in series["points"]:
                value = p.get("lag", {}).get(one) if field == "lag" else p.get(one)
                if value is None:
                    continue
                spread = value if isinstance(value, dict) else {"median": value, "min": value, "max": value}
                # Below a microsecond: at the edge.
                floor = 1 if field == "lag" else 0
                points.append((p["x"], *(max(spread[k], floor) for k in ("median", "min", "max"))))
            name = series["name"] + (", " + one.removesuffix("_us") if len(fields) > 1 else "")
            if points:
                lines.append({"name": name, "kind": colour, "dashed": i > 0 or second_limit, "points": points})
    return lines


def growth_table(growth):
    """The figure of the first plot, for each x and series; and what an opening scanned and needed."""
    field = "milliseconds" if growth["name"] == "growth-log" else "rate"
    extra = (("scanned_bytes", "scanned"), ("own_memory_bytes", "own memory"))
    first = growth["series"][0]["points"]
    rows = []
    for i, point in enumerate(first):
        x = svg.with_bytes(point["x"]) if growth["x_unit"] == "bytes" else f"{point['x']:,.0f}"
        values = [s["points"][i].get(field) for s in growth["series"]]
        rows.append([x, *(v and spread_text(v, 2 if v["median"] < 100 else 0) or "" for v in values),
                     *(cell(point, name) for name, _ in extra)])
    unit = "ms" if field == "milliseconds" else "records/s"
    return table([growth["x_label"], *(f"{s['name']}, {unit}" for s in growth["series"]),
                  *(name for _, name in extra)], rows)


def early(lag):
    """How many of all records the tail had before the writer's process knew that they are synced."""
    share = lag.get("early_share")
    return f"{share['median']:.0%}" if share else ""


def noise_note(workload):
    share = workload.get("others_share", 0)
    if share <= 0.2:
        return ""
    return f"\nNot a quiet machine: other programs took {share:.0%} of its processors.\n"


def largest(opened, rounds, field):
    if field in opened:
        return svg.with_bytes(opened[field])
    if not rounds:
        return ""
    if field == "own_memory_bytes":
        if "memory_peak_bytes" not in rounds[0]:
            return ""
        return svg.with_bytes(max(r["memory_peak_bytes"] - r["memory_before_bytes"] for r in rounds))
    values = [r[field] for r in rounds if field in r]
    return svg.with_bytes(max(values)) if values else ""
