# SPDX-License-Identifier: Apache-2.0
"""How the cost of a check grows with the scenario: a table for docs/performance.md, and docs/growth.svg."""
import math
import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE = ROOT / "docs/performance.md"
PICTURE = ROOT / "docs/growth.svg"
REDUCTIONS = {"none": "all states", "symmetry": "symmetry", "both": "symmetry and partial order"}
COLOURS = {"none": "#c0392b", "symmetry": "#2874a6", "both": "#1e8449"}
SERIES = {
    "workers": ("idle io-wq workers of the one container", range(1, 7), lambda n: f"workers={n}"),
    "containers": ("containers: the first as in npm-zombie, each other an init alone", range(1, 5),
                   lambda n: f"bystanders={n - 1}"),
}
BYTES = 60  # more than a state takes while it is searched and analysed


def most_states():
    """A search that finds more is cut: they should fit into two thirds of the memory there is."""
    available = re.search(r"^MemAvailable: +(\d+) kB", pathlib.Path("/proc/meminfo").read_text(), re.M)
    return min(300_000_000, int(available[1]) * 1024 * 2 // 3 // BYTES)


MOST = most_states()


def search(ours, word, reduce):
    out = subprocess.run([ours, "kernel", "2", "exact", str(ROOT / "scenarios/npm-zombie.toml"), word,
                          "preempt=none", f"reduce={reduce}", f"max_states={MOST}"],
                         capture_output=True, text=True, check=True).stdout.split(maxsplit=8)
    return {"states": int(out[0]), "seconds": float(out[5]), "complete": out[8].strip() == "complete",
            "traps": int(out[6])}


def measure(ours):
    results = {}
    for series, (_, sizes, word) in SERIES.items():
        for n in sizes:
            for reduce in REDUCTIONS:
                results[series, n, reduce] = found = search(ours, word(n), reduce)
                if not found["complete"]:
                    continue
                yield f"growth.{series}.{n}.{reduce}.states", found["states"], "states"
                yield f"growth.{series}.{n}.{reduce}.seconds", found["seconds"], "s"
            whole = results[series, n, "none"]
            for reduce in ("symmetry", "both"):
                reduced = results[series, n, reduce]
                if reduced["complete"] and (reduced["traps"] > 0) != (whole["traps"] > 0):
                    raise SystemExit(f"{series} {n}: {reduce} changes the verdict")
    write(results)


def number(found, key):
    if not found["complete"]:
        return f"> {MOST / 1e6:.0f} million" if key == "states" else ""
    return f"{found['states']:,}" if key == "states" else f"{found['seconds']:.2f}"


def table(results):
    lines = []
    for series, (what, sizes, _) in SERIES.items():
        lines += [f"| {what} | " + " | ".join(f"{text}: states | s" for text in REDUCTIONS.values()) + " |",
                  "|---|" + "---|---|" * len(REDUCTIONS)]
        for n in sizes:
            cells = []
            for reduce in REDUCTIONS:
                found = results[series, n, reduce]
                cells += [number(found, "states"), number(found, "seconds")]
            lines.append(f"| {n} | " + " | ".join(cells) + " |")
        lines.append("")
    return "\n".join(lines)


def panel(results, series, key, left, top, width, height):
    """One diagram: log scale upwards."""
    what, sizes, _ = SERIES[series]
    points = {reduce: [(n, results[series, n, reduce][key]) for n in sizes if results[series, n, reduce]["complete"]]
              for reduce in REDUCTIONS}
    values = [value for line in points.values() for _, value in line]
    low, high = math.floor(math.log10(min(values))), math.ceil(math.log10(max(values)))

    def x(n):
        return left + (n - sizes[0]) / (sizes[-1] - sizes[0]) * width

    def y(value):
        return top + height - (math.log10(value) - low) / (high - low) * height

    out = []
    for power in range(low, high + 1):
        out.append(f'<line x1="{left}" y1="{y(10 ** power):.1f}" x2="{left + width}" y2="{y(10 ** power):.1f}" '
                   'stroke="#ddd"/>')
        label = f"{10 ** power:g}" if -3 < power < 4 else f"10<tspan dy='-4' font-size='9'>{power}</tspan>"
        out.append(f'<text x="{left - 8}" y="{y(10 ** power) + 4:.1f}" text-anchor="end">{label}</text>')
    for n in sizes:
        out.append(f'<text x="{x(n):.1f}" y="{top + height + 18}" text-anchor="middle">{n}</text>')
    for reduce, line in points.items():
        path = " ".join(f"{x(n):.1f},{y(value):.1f}" for n, value in line)
        out.append(f'<polyline points="{path}" fill="none" stroke="{COLOURS[reduce]}" stroke-width="2"/>')
        out += [f'<circle cx="{x(n):.1f}" cy="{y(value):.1f}" r="3" fill="{COLOURS[reduce]}"/>' for n, value in line]
    unit = "states" if key == "states" else "seconds, search and analysis"
    out.append(f'<text x="{left}" y="{top - 12}" font-weight="bold">{unit}</text>')
    out.append(f'<text x="{left + width / 2}" y="{top + height + 36}" text-anchor="middle">'
               f'{"io-wq workers" if series == "workers" else "containers"}</text>')
    return out


def picture(results):
    out = ['<svg xmlns="http://www.w3.org/2000/svg" width="860" height="640" font-family="sans-serif" font-size="12">',
           "<!-- SPDX-License-Identifier: Apache-2.0; made by ./dev bench -->",
           '<rect width="860" height="640" fill="white"/>']
    for column, series in enumerate(SERIES):
        for row, key in enumerate(("states", "seconds")):
            out += panel(results, series, key, 80 + column * 410, 50 + row * 280, 330, 190)
    for i, (reduce, text) in enumerate(REDUCTIONS.items()):
        out.append(f'<rect x="{80 + i * 180}" y="612" width="14" height="4" fill="{COLOURS[reduce]}"/>')
        out.append(f'<text x="{100 + i * 180}" y="618">{text}</text>')
    return "\n".join(out + ["</svg>", ""])


def write(results):
    PICTURE.write_text(picture(results))
    text = PAGE.read_text()
    marks = r"(<!-- growth: made by ./dev bench -->\n).*?(<!-- growth: end -->)"
    if not re.search(marks, text, re.S):
        raise SystemExit(f"{PAGE}: the marks of the growth table are gone")
    PAGE.write_text(re.sub(marks, lambda m: m[1] + "\n" + table(results) + m[2], text, flags=re.S))
