"""What Forelog is to reach (the table of docs/performance.md), held against what was measured."""

MiB = 1024 * 1024


class Measured:
    """Looks for figures in the JSON of a run; a figure that is not there is None."""

    def __init__(self, results):
        self.results = results
        self.workloads = {w["name"]: w for w in results["workloads"]}

    def forelog(self, workload, detail=""):
        for contestant in self.workloads.get(workload, {}).get("contestants", []):
            if contestant["role"] == "forelog" and contestant["name"].endswith(detail):
                return contestant
        return {}

    def limit(self, workload):
        found = self.workloads.get(workload, {})
        return next((c for c in found.get("contestants", []) if c["name"] == found.get("limit")), {})

    def ratio(self, workload, field, detail=""):
        return self.forelog(workload, detail).get(field, {}).get("median")


class Row:
    """One line: what is asked, what was found, and whether it is enough."""

    def __init__(self, workload, target):
        self.workload, self.target = workload, target
        self.found, self.verdicts = [], []

    def check(self, value, enough, text):
        """`text` has a place for the value; nothing is said of what was not measured."""
        if value is not None:
            found = text.format(value)
            self.found.append(found if enough(value) else f"**{found}**")
            self.verdicts.append(enough(value))
        return self

    def line(self):
        verdict = "not measured" if not self.verdicts else "met" if all(self.verdicts) else "**not met**"
        return f"| {self.workload} | {self.target} | {', '.join(self.found)} | {verdict} |"


def at_least(bound):
    return lambda value: value >= bound


def at_most(bound):
    return lambda value: value <= bound


def synced_rows(m):
    for name, title in (("synced-1-128", "one writer, synced, 128 B"), ("synced-1-1024", "the same, 1 KiB")):
        row = Row(title, "0.97 L, 1.3 P, p99 at most 5 % above L's")
        row.check(m.ratio(name, "of_limit"), at_least(0.97), "{:.2f} L")
        row.check(m.ratio(name, "of_best_peer"), at_least(1.3), "{:.2f} P")
        own, limit = m.forelog(name).get("p99_us"), m.limit(name).get("p99_us")
        row.check(own / limit if own and limit else None, at_most(1.05), "p99 {:.2f} of L's")
        yield row
    for writers, peers in ((8, 2), (32, 2.5), (128, 2.5)):
        name = f"synced-{writers}"
        row = Row(f"{writers} writers that block, synced", f"0.9 L, {peers:g} P")
        row.check(m.ratio(name, "of_limit"), at_least(0.9), "{:.2f} L")
        yield row.check(m.ratio(name, "of_best_peer"), at_least(peers), "{:.2f} P")
    for count, rate in ((1024, 1e6), (8192, 3.5e6)):
        name = f"in-flight-{count}"
        row = Row(f"{count:,} in flight, synced", f"0.9 L, {rate / 1e6:g} M/s")
        row.check(m.ratio(name, "of_limit"), at_least(0.9), "{:.2f} L")
        found = m.forelog(name).get("records_per_second")
        yield row.check(found and found / 1e6, at_least(rate / 1e6), "{:.2f} M/s")
    row = Row("batches of 1,000, synced", "0.97 L, above every peer")
    row.check(m.ratio("batches-1000", "of_limit"), at_least(0.97), "{:.2f} L")
    yield row.check(m.ratio("batches-1000", "of_best_peer"), at_least(1), "{:.2f} P")


def rate_rows(m):
    def millions(name, detail=""):
        rate = m.forelog(name, detail).get("records_per_second")
        return rate / 1e6 if rate else None

    for threads in (1, 4):
        name = f"buffered-{threads}"
        row = Row(f"buffered, {threads} thread{'s'[:threads > 1]}, 128 B", "12 M/s, 7 P")
        row.check(millions(name), at_least(12), "{:.1f} M/s")
        row.check(m.ratio(name, "of_best_peer"), at_least(7), "{:.1f} P")
        if threads == 4 and millions("buffered-1") and millions(name):
            row.target += ", no slower than 1 thread"
            row.check(millions(name) / millions("buffered-1"), at_least(1), "{:.2f} of 1 thread")
        yield row
    row = Row("written, 1 thread, 128 B (stretch)", "5 M/s, 7 P").check(
        millions("written-1"), at_least(5), "{:.2f} M/s")
    yield row.check(m.ratio("written-1", "of_best_peer"), at_least(7), "{:.1f} P")
    for bytes_, rate in ((128, 40), (1024, 8)):
        for detail in ("cursor", "verify"):
            name = f"scan-{bytes_}"
            row = Row(f"{'scan' if detail == 'cursor' else 'verify'}, warm, {bytes_:,} B",
                      f"{rate} M/s, 2.8 P")
            row.check(millions(name, detail), at_least(rate), "{:.1f} M/s")
            yield row.check(m.ratio(name, "of_best_peer", detail), at_least(2.8), "{:.1f} P")
    for detail in ("cursor", "verify"):
        row = Row(f"{'scan' if detail == 'cursor' else 'verify'}, cold, 128 B", "the disk's read rate (0.95 L)")
        yield row.check(m.ratio("scan-cold-128", "of_limit", detail), at_least(0.95), "{:.2f} L")


def other_rows(m):
    opened = [o for o in m.results.get("open_after_kill", []) if o.get("name", "Forelog") == "Forelog"]
    row = Row("open after kill -9, any size", "under 20 ms, memory under 10 MiB")
    if opened:
        row.check(max(o["open_ms"]["median"] for o in opened), at_most(20), "{:.1f} ms")
        memory = [o["own_memory_bytes"] for o in opened if "own_memory_bytes" in o]
        row.check(max(memory) / MiB if memory else None, at_most(10), "{:.1f} MiB")
    yield row
    lags = {c["name"]: c["lag"] for c in m.results.get("tail_lag", {}).get("contestants", [])}
    for where in ("thread", "process"):
        lag = lags.get(f"Forelog, {where}")
        row = Row(f"tail lag at 50,000/s, another {where}", "p50 under 50 us, p99 under 1 ms")
        row.check(lag and lag["p50_us"]["median"], at_most(50), "p50 {:.0f} us")
        yield row.check(lag and lag["p99_us"]["median"] / 1e3, at_most(1), "p99 {:.2f} ms")
    yield Row("CPU per synced record, 32 writers", "under 10 us").check(
        m.forelog("synced-32").get("cpu_us_per_record"), at_most(10), "{:.1f} us")
    for name, title, bound in (("batches-1000", "groups of 1,000", 1.05), ("synced-1-128", "single records", 32)):
        value = m.forelog(name).get("device_bytes_per_payload_byte")
        value = value["median"] if isinstance(value, dict) else value
        limit = m.limit(name).get("device_bytes_per_payload_byte")
        beside = f" (L: {limit:.2f})" if limit is not None else ""
        target = "1.05" if bound < 2 else "32 (one block of 4 KiB)"
        yield Row(f"bytes to the device per payload byte, 128 B, {title}", target).check(
            value, at_most(bound), "{:.2f}" + beside)


def targets_table(results):
    m = Measured(results)
    rows = [*synced_rows(m), *rate_rows(m), *other_rows(m)]
    lines = ["| workload | target | measured | |", "|---|---|---|---|"]
    return "\n".join(lines + [row.line() for row in rows]) + "\n"
