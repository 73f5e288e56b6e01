# SPDX-License-Identifier: MIT
"""A picture of what peers found: a row for each workload, a dot for each allocator, glibc being 1."""

import math
from xml.sax.saxutils import escape

from peers import GLIBC, OURS

COLOURS = {OURS: "#d62728", GLIBC: "#7f7f7f", "jemalloc": "#1f77b4", "tcmalloc": "#2ca02c", "mimalloc": "#ff7f0e"}
ROW, TOP, LABELS, PANEL, GAP, RIGHT = 18, 74, 170, 380, 40, 16
LOWEST, HIGHEST = 1 / 16, 16  # beyond, a dot stands at the edge as a triangle


class Panel:
    """One axis of ratios, in powers of two."""

    def __init__(self, title, left, key):
        self.title, self.left, self.key = title, left, key

    def x(self, ratio):
        ratio = min(max(ratio, LOWEST), HIGHEST)
        return self.left + PANEL * math.log(ratio / LOWEST) / math.log(HIGHEST / LOWEST)

    def frame(self, bottom):
        yield f'<text x="{self.left + PANEL / 2:.0f}" y="{TOP - 30}" text-anchor="middle">{self.title}</text>'
        ratio = LOWEST
        while ratio <= HIGHEST:
            label = f"{ratio:g}" if ratio >= 1 else f"1/{1 / ratio:g}"
            colour = "#888" if ratio == 1 else "#ddd"
            yield (f'<line x1="{self.x(ratio):.1f}" x2="{self.x(ratio):.1f}" y1="{TOP - 8}" y2="{bottom}" '
                   f'stroke="{colour}"/>')
            yield f'<text x="{self.x(ratio):.1f}" y="{TOP - 12}" text-anchor="middle" fill="#555">{label}</text>'
            ratio *= 2

    def dots(self, values, y):
        for name, ratio in values:
            colour, x = COLOURS.get(name, "#000"), self.x(ratio)
            title = f"<title>{name}: {ratio:.2f}</title>"
            if LOWEST <= ratio <= HIGHEST:
                yield f'<circle cx="{x:.1f}" cy="{y}" r="{5 if name == OURS else 4}" fill="{colour}">{title}</circle>'
            else:
                point = x - 6 if ratio < LOWEST else x + 6
                yield f'<path d="M{x:.1f} {y - 5}V{y + 5}L{point:.1f} {y}Z" fill="{colour}">{title}</path>'


def legend(names):
    x = LABELS
    for name in names:
        yield f'<circle cx="{x}" cy="20" r="5" fill="{COLOURS.get(name, "#000")}"/>'
        yield f'<text x="{x + 10}" y="24">{name}</text>'
        x += 30 + 8 * len(name)


def write_plot(peers, path):
    names = [*(name for name in peers["allocators"] if name != OURS), OURS]
    panels = [Panel("time", LABELS, "time"), Panel("peak RSS", LABELS + PANEL + GAP, "rss_kib")]
    rows = [(row["workload"], {panel.key: [(name, row["allocators"][name][panel.key] / row["allocators"][GLIBC][panel.key])
                                           for name in names] for panel in panels}) for row in peers["rows"]]
    mean = {panel.key: [(name, peers["means"][name]["time" if panel.key == "time" else "rss"]) for name in names]
            for panel in panels}
    rows.append(("geometric mean", mean))
    bottom = TOP + ROW * len(rows)
    width = LABELS + 2 * PANEL + GAP + RIGHT
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom + 12}" font-family="sans-serif" '
             f'font-size="11"><rect width="100%" height="100%" fill="#fff"/>', *legend(names)]
    lines.append(f'<text x="{width - RIGHT}" y="24" text-anchor="end">glibc = 1; to the left is better</text>')
    for panel in panels:
        lines += panel.frame(bottom)
    for i, (label, values) in enumerate(rows):
        y = TOP + ROW * i + ROW // 2
        weight = ' font-weight="bold"' if i == len(rows) - 1 else ""
        lines.append(f'<text x="{LABELS - 14}" y="{y + 4}" text-anchor="end"{weight}>{escape(label)}</text>')
        for panel in panels:
            lines += panel.dots(values[panel.key], y)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join([*lines, "</svg>"]) + "\n")
