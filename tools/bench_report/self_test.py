"""What tools/bench-report --self-test runs: one small run, and what its page must say."""

import shutil
import xml.dom.minidom

from . import svg
from .figures import Page
from .states import StatesPage
from .targets import targets_table


def spread(median):
    return {"median": median, "min": median * 0.9, "max": median * 1.1}


def contestant(name, role, rate, limit, **more):
    return {"name": name, "role": role, "records_per_second": rate, "of_limit": spread(rate / limit), **more}


def small_run():
    points = [{"x": x, "rate": spread(100 * (x + 1)), "lag": {"p50_us": spread(20), "p99_us": spread(-5)}}
              for x in (0, 1, 16)]
    return {
        "machine": {"forelog": "0.1.0", "kernel": "Linux", "architecture": "x86_64", "processors": 2,
                    "file_system": "ext4", "free_bytes": 3 * 2**30},
        "rounds": 3, "seconds": 0.5,
        "workloads": [{
            "name": "synced-8", "title": "8 writers", "limit": "limit: leader", "best_peer": "LevelDB",
            "others_share": 0.5,
            "contestants": [contestant("limit: leader", "limit", 1000, 1000),
                            contestant("Forelog", "forelog", 950, 1000, of_best_peer=spread(1.9), p50_us=12.0),
                            contestant("LevelDB <1>", "peer", 500, 1000, of_best_peer=spread(1))]}],
        "tail_lag": {"contestants": [
            {"name": "Forelog, thread", "role": "forelog", "rate": spread(50000),
             **{k: {p: spread(40) for p in ("p50_us", "p99_us", "p999_us", "max_us")}
                for k in ("lag", "append_to_synced", "append_to_received")}}]},
        "growth": [{"name": "growth-tails", "title": "tails", "x_label": "tails", "x_unit": "",
                    "series": [{"name": "in threads", "role": "forelog", "points": points}]}],
    }


def small_run_of_states():
    series = [{"name": name, "role": "forelog",
               "points": [{"x": x, "milliseconds": spread(x / 1000), "replayed": spread(x)} for x in (1000, 1_200_000)]}
              for name in ("log alone", "budget of 1 s")]
    latencies = {f: spread(50) for f in ("rate", "p50_us", "p99_us", "p999_us", "max_us")}
    return {**small_run(), "workloads": [{
        "name": "states-8", "title": "8 callers", "limit": "bare log",
        "contestants": [contestant(name, role, rate, 1000, p50_us=1, p99_us=2, p999_us=3, cpu_us_per_record=4)
                        for name, role, rate in (("bare log", "limit", 1000), ("Durable", "forelog", 890))]}],
        "states": [
            {"name": "states-pause", "title": "pause", "bytes": 2**30, "contestants": [
                {"name": "Durable", "role": "forelog", "quiet": latencies, "during": latencies,
                 "rate_kept": spread(0.5), "checkpoint_seconds": spread(2), "last_pause_us": spread(12)}]},
            {"name": "states-reopen", "title": "reopen", "x_label": "updates", "x_unit": "", "series": series},
            {"name": "states-pairs", "title": "pairs", "pairs": 1000, "steps": [
                {"name": "load", "milliseconds": spread(7), "own_memory_bytes": 2**20}]}]}


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def run():
    expect([svg.number(v) for v in (0.05, 1.5, 20, 1200, 12000, 1.5e6)] ==
           ["0.05", "1.5", "20", "1,200", "12 k", "1.5 M"], "numbers are short")
    expect([svg.with_bytes(v) for v in (16, 1024, 1.5 * 2**20, 2**30)] ==
           ["16 B", "1 KiB", "1.5 MiB", "1 GiB"], "sizes have a prefix")
    expect(svg.log_ticks(3, 800) == [2, 5, 10, 20, 50, 100, 200, 500, 1000], "ticks enclose the values")
    expect(svg.log_ticks(1, 1e6)[0] == 1 and svg.log_ticks(7, 7) == [5, 10], "decades; one value alone")
    expect("set yrange [0:10]" in svg.scale("y", [0, 9], False), "an axis encloses its values")

    page = Page(small_run(), "plots/")
    parts = page.parts()
    for name, plot in page.plots.items():
        if shutil.which("gnuplot"):
            image = svg.rendered(plot)
            xml.dom.minidom.parseString(image)
            expect(svg.is_of(image, plot) and not svg.is_of(image, plot + " "), f"{name} tells its script")
        expect(plot == plot_again(name), f"{name} is the same each time")
    expect("| **Forelog** | 950 | 12.0 | 0.95 (0.85–1.04) | 1.90 (1.71–2.09) |" in parts["workloads"],
           "a line of a workload, without the columns that nobody has")
    expect("took 50%" in parts["workloads"], "a noisy machine is told")
    targets = targets_table(small_run())
    expect("| 8 writers that block, synced | 0.9 L, 2 P | 0.95 L, **1.90 P** | **not met** |" in targets,
           "one condition that fails is enough")
    expect("p50 40 us, p99 0.04 ms | met |" in targets, "a target that is met")
    expect("| 32 writers that block, synced | 0.9 L, 2.5 P |  | not measured |" in targets, "not measured")
    expect("(plots/tails-lag.svg)" in parts["growth"] and "| 16 |" in parts["growth"], "plots and their table")

    states = StatesPage(small_run_of_states(), "plots/").parts()["states"]
    expect("| Durable, 8 callers | 0.9 of the bare log's rate | **0.89** | **not met** |" in states, "a rate's target")
    expect("| reopening, budget of 1 s | at most 1 s, whatever the log | **1.32 s at most** | **not met** |" in states,
           "a budget's target")
    expect("| **Durable**, during | 50 |" in states and "| 2.00 s | 12 us |" in states, "a pause, before and during")
    expect("| 1,200,000 | 1,200 (1,080–1,320) | 1,200,000 |" in states, "reopening, line by line")
    expect("| load | 7 (6–8) | 1 MiB |" in states, "the steps of a store")


def plot_again(name):
    page = Page(small_run(), "plots/")
    page.parts()
    return page.plots[name]
