"""Plots: scripts for gnuplot, and the SVG that it makes of them. A script has its data in it, and is the same
for the same run; an SVG tells which script it is of, so that a test finds a stale one without gnuplot. Colours
follow the reader's light or dark mode; the background is painted, so that a plot stays readable on a page that
does not."""

import hashlib
import math
import re
import subprocess

WIDTH = 760
# Light and dark. Forelog's own first; "peer0" to "peer2" for lines that are all Forelog's too.
COLOURS = {"forelog": ("#cf4a0a", "#ff8a4c"), "limit": ("#57606a", "#9198a1"), "peer0": ("#0969da", "#58a6ff"),
           "peer1": ("#1a7f37", "#56d364"), "peer2": ("#8250df", "#bc8cff"), "pale": ("#a9cbf0", "#3a6ea5"),
           "text": ("#24292f", "#e6edf3"), "page": ("#ffffff", "#0d1117"), "grid": ("#d8dee4", "#2b3138"),
           "axis": ("#8c959f", "#6e7681")}


def number(value):
    """Short: 0.05, 1.5, 20, 1,200, 12 k, 1.5 M."""
    if value >= 999_500:
        return f"{value / 1e6:.3g} M"
    if value >= 10_000:
        return f"{value / 1e3:.0f} k"
    return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"


def with_bytes(value):
    for unit in ("B", "KiB", "MiB", "GiB", "TiB"):
        if value < 1023.95 or unit == "TiB":
            return f"{value:.1f}".removesuffix(".0") + " " + unit if value < 100 else f"{value:.0f} {unit}"
        value /= 1024


def colour(kind):
    return f'rgb "{COLOURS[kind][0]}"'


def quoted(text):
    return '"' + text.replace("\\", "/").replace('"', "'") + '"'


def begin(height, title, key="set key off"):
    return [f'set terminal svg size {WIDTH},{height} dynamic noenhanced font "sans-serif,13" '
            f'background {colour("page")}',
            f'set title {quoted(title)} textcolor {colour("text")} font ",14"',
            f'set border 1 linecolor {colour("axis")}', f'set grid back linecolor {colour("grid")} linetype 1',
            f'set tics nomirror scale 0.5 textcolor {colour("text")}', key + f' textcolor {colour("text")}']


def block(name, rows):
    """Data within the script; six digits are enough for a plot."""
    lines = [" ".join(v if isinstance(v, str) else f"{v:.6g}" for v in row) for row in rows]
    return [f"${name} << EOD", *lines, "EOD"]


def tics(axis, places):
    return f"set {axis}tics (" + ", ".join(f"{quoted(label)} {at:.6g}" for label, at in places) + ")"


def scale(axis, values, log):
    """Ticks that enclose all values; logarithmic, or from zero."""
    values = [v for v in values if v > 0 or not log]
    if log:
        ticks = log_ticks(min(values), max(values))
    else:
        step = nice_step(max(values))
        ticks = [i * step for i in range(math.ceil(max(values) / step - 1e-9) + 1)]
    return ([f"set logscale {axis}"] if log else []) + [
        f"set {axis}range [{ticks[0]:.6g}:{ticks[-1]:.6g}]", tics(axis, [(number(t), t) for t in ticks])]


def script(commands, plots):
    return "\n".join([*commands, "plot " + ", \\\n  ".join(plots), ""])


def nice_step(high):
    """Four to eight steps up to `high`."""
    rough = high / 5 if high > 0 else 1
    power = 10 ** math.floor(math.log10(rough))
    return next(power * m for m in (1, 2, 2.5, 5, 10) if power * m >= rough * 0.999)


def log_ticks(low, high):
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    steps = (1, 2, 5) if last - first <= 3 else (1,)
    all_ticks = [m * 10.0 ** e for e in range(first, last + 1) for m in steps]
    below = [t for t in all_ticks if t <= low * 1.0001]
    above = [t for t in all_ticks if t >= high * 0.9999]
    start, stop = below[-1], above[0]
    if start == stop:
        stop = start * 10
    return [t for t in all_ticks if start <= t <= stop]


def lines(title, x_label, y_label, series, x_bytes=False, y_log=True):
    """series: [{"name","kind","dashed","points": [(x, median, low, high)]}], all with positive y when
    y_log. The x axis is logarithmic, with a tick at each point."""
    xs = sorted({p[0] for s in series for p in s["points"]})
    shift = 1 if xs and xs[0] == 0 else 0

    def at(x):
        return math.log2(x + shift)

    ticks = []
    room = (at(xs[-1]) - at(xs[0])) / 14
    for x in xs:
        if not ticks or at(x) - ticks[-1][1] >= room:
            ticks.append((with_bytes(x) if x_bytes else f"{x:g}", at(x)))
    margin = max((at(xs[-1]) - at(xs[0])) * 0.04, 0.1)
    commands = begin(446, title, "set key bmargin center horizontal reverse Left samplen 2 spacing 1.2")
    commands += [f'set xlabel {quoted(x_label)} offset 0,0.4 textcolor {colour("text")}',
                 f'set ylabel {quoted(y_label)} textcolor {colour("text")}',
                 f"set xrange [{at(xs[0]) - margin:.6g}:{at(xs[-1]) + margin:.6g}]", tics("x", ticks)]
    commands += scale("y", [v for s in series for p in s["points"] for v in p[1:]], y_log)
    plots = []
    # The most important one is drawn last, over the others.
    for i, s in enumerate(sorted(series, key=lambda s: s["kind"] == "forelog")):
        floor = 1e-9 if y_log else 0
        commands += block(f"s{i}", [(at(p[0]), *(max(v, floor) for v in p[1:])) for p in s["points"]])
        own = s["kind"] == "forelog"
        look = f'linecolor {colour(s["kind"])}'
        dash = " dashtype 2" if s.get("dashed") else ""
        plots.append(f"$s{i} using 1:2:3:4 with yerrorbars {look} linewidth 1 pointtype 0 notitle")
        plots.append(f"$s{i} using 1:2 with points {look} pointtype 7 pointsize {0.55 if own else 0.4} notitle")
        plots.append(f"$s{i} using 1:2 with lines {look} linewidth {2.8 if own else 1.6}{dash} "
                     f"title {quoted(s['name'])}")
    return script(commands, plots)


def named_rows(names):
    """One row for each name, the first one on top."""
    return ["set lmargin 32", f"set yrange [{len(names) - 0.4}:-0.6]",
            tics("y", [(name, i) for i, name in enumerate(names)]), "set grid noytics"]


def bars(title, mark_label, rows, log=False):
    """rows: [(name, median, low, high)]; a line marks the ratio 1."""
    commands = begin(126 + 26 * len(rows), title) + named_rows([r[0] for r in rows])
    commands += scale("x", [1, *(v for r in rows for v in r[1:])], log)
    commands += [f'set xlabel {quoted("1 is " + mark_label)} textcolor {colour("text")}', "set rmargin 8"]

    def beside(row):
        """Where its number goes: past the bar and its spread, and past the mark where that is near."""
        end = max(row[1:])
        return 1 if (0 if log else 0.8) < end < 1 else end

    commands += block("rows", [(1 if log else 0, i, *row[1:], beside(row), f"{row[1]:.2f}")
                               for i, row in enumerate(rows)])
    commands += [f'set arrow from 1, graph 0 to 1, graph 1 nohead front linecolor {colour("text")} linewidth 1.4']
    text = colour("text")
    return script(commands, [
        f"$rows using 3:2:1:3:($2-0.3):($2+0.3) with boxxyerror fillstyle solid noborder linecolor "
        f"{colour('forelog')}",
        f"$rows using 3:2:4:5 with xerrorbars linecolor {text} linewidth 1.2 pointtype 0",
        f"$rows using 6:2:7 with labels left offset 0.8,0 textcolor {text}"])


def rows_of_dots(title, x_label, rows, entries):
    """rows: [(name, [(class, radius, value)])], on one logarithmic axis; entries: (class, name)."""
    commands = begin(166 + 26 * len(rows), title, "set key bmargin center horizontal reverse Left samplen 1 spacing 1.2")
    commands += named_rows([name for name, _ in rows])
    commands += scale("x", [v for _, dots in rows for _, _, v in dots], True)
    commands.append(f'set xlabel {quoted(x_label)} offset 0,0.4 textcolor {colour("text")}')
    names = dict(entries)
    plots = []
    for kind in ("limit", "pale", "peer0", "forelog"):
        found = [(value, i) for i, (_, dots) in enumerate(rows) for k, _, value in dots if k == kind]
        if not found:
            continue
        commands += block(kind, found)
        title_ = f"title {quoted(names[kind])}"
        if kind == "limit":
            plots.append(f"$limit using 1:($2-0.38):(0):(0.76) with vectors nohead linecolor {colour('text')} "
                         f"linewidth 1.6 {title_}")
        else:
            plots.append(f"${kind} using 1:2 with points pointtype 7 pointsize "
                         f"{0.9 if kind == 'forelog' else 0.6} linecolor {colour(kind)} {title_}")
    return script(commands, plots)


def digest(text):
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_of(svg, text):
    """Whether the SVG was made of this script."""
    return f"<!-- of the script {digest(text)} -->" in svg


def hexadecimal(found):
    return "#" + "".join(f"{int(part):02x}" for part in found[1].split(","))


def dark_mode():
    rules = "".join(f'[stroke="{light}"] {{ stroke: {dark} }} [fill="{light}"] {{ fill: {dark} }}\n'
                    for light, dark in COLOURS.values())
    own = "".join(f'[color="{light}"] {{ color: {dark} }}\n' for light, dark in COLOURS.values())
    return ("<style>\nsvg { color-scheme: light dark }\n@media (prefers-color-scheme: dark) {\n" +
            rules + own + "}\n</style>")


def rendered(text):
    """The SVG that gnuplot makes of a script."""
    made = subprocess.run(["gnuplot"], input=text, capture_output=True, text=True, check=False)
    if made.returncode != 0 or "</svg>" not in made.stdout:
        raise RuntimeError("gnuplot: " + made.stderr.strip())
    svg = re.sub(r"rgb\(([ 0-9,]+)\)", hexadecimal, made.stdout)
    svg = re.sub(r"(stroke|fill|color)\s*=\s*'([^']*)'", r'\1="\2"', svg)
    svg = svg.replace('"black"', f'"{COLOURS["text"][0]}"').replace('"#FFFFFF"', '"#ffffff"')
    # What gnuplot paints around the points of error bars, and over other lines.
    svg = re.sub(r"\s*<use [^>]*color=\"#ffffff\"/>", "", svg)
    svg = re.sub(r"<(title|desc)>.*?</\1>\s*", "", svg, flags=re.DOTALL)
    end = svg.index(">", svg.index("<svg")) + 1
    return (svg[:end] + f"\n<!-- of the script {digest(text)} -->\n" + dark_mode() +
            "\n".join(line.rstrip() for line in svg[end:].splitlines()) + "\n")
