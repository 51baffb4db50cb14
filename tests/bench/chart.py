"""docs/benchmark.svg: one panel a workload, one bar a server."""

import pathlib
from xml.sax.saxutils import escape

PANELS = [
    ("put-1g", "cpu_s_per_gib", "1 GiB up, CPU seconds (less is better)", "{:.2f}"),
    ("put-64k", "per_s", "64 KiB up, 16 at once, a second", "{:,.0f}"),
    ("put-256k", "per_s", "256 KiB up, 16 at once, a second", "{:,.0f}"),
    ("get-1g", "cpu_s_per_gib", "1 GiB down, CPU seconds (less is better)", "{:.2f}"),
    ("range-16", "per_s", "64 KiB ranges, 16 at once, a second", "{:,.0f}"),
    ("put-64k", "peak_mib", "peak memory of 64 KiB up, MiB (less is better)", "{:,.0f}"),
]
WIDTH, PANEL_WIDTH, LABEL, BAR, GAP, TITLE, TOP, FOOT = 1000, 500, 170, 15, 5, 26, 16, 34
COLOURS = {"gateway": "#1d70b8", "seals": "#85994b", "plain": "#b1b4b6"}


def text(x, y, words, size=12, **more):
    extra = "".join(f' {k.replace("_", "-")}="{v}"' for k, v in more.items())
    return f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}"{extra}>{escape(words)}</text>'


def colour(name, server):
    return COLOURS["gateway" if name == "gateway" else "seals" if server["seals"] else "plain"]


def bars(result, panel):
    workload, key, _, words = panel
    found = [(name, server, server["workloads"][workload][key])
             for name, server in result["servers"].items()
             if server["workloads"].get(workload, {}).get(key) is not None]
    return [(server["words"], value, colour(name, server), words.format(value))
            for name, server, value in found]


def draw(result, panel, x, y):
    rows = bars(result, panel)
    most = max((value for _, value, _, _ in rows), default=1) or 1
    room = PANEL_WIDTH - LABEL - 80
    parts = [text(x + 8, y + 14, panel[2], 13, font_weight="bold")]
    for i, (label, value, fill, words) in enumerate(rows):
        top = y + TITLE + i * (BAR + GAP)
        wide = max(1.0, room * value / most)
        parts.append(text(x + LABEL, top + BAR - 3, label, 11, text_anchor="end"))
        parts.append(f'<rect x="{x + LABEL + 6}" y="{top}" width="{wide:.1f}" height="{BAR}" '
                     f'fill="{fill}"/>')
        parts.append(text(x + LABEL + 12 + wide, top + BAR - 3, words, 11))
    return parts


def legend(y):
    parts, x = [], 16
    for key, words in (("gateway", "the gateway: sealed, flushed before the answer, logged"),
                       ("seals", "sealed, not flushed"), ("plain", "neither")):
        parts.append(f'<rect x="{x}" y="{y - 10}" width="12" height="12" fill="{COLOURS[key]}"/>')
        parts.append(text(x + 18, y, words, 12))
        x += 40 + 7 * len(words)
    return parts


def write(result, path):
    panel_height = TITLE + len(result["servers"]) * (BAR + GAP) + 18
    rows = (len(PANELS) + 1) // 2
    height = TOP + rows * panel_height + FOOT
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" '
             f'viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" fill="#0b0c0c">',
             "<title>The gateway beside its peers</title>",
             f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>']
    for i, panel in enumerate(PANELS):
        parts += draw(result, panel, (i % 2) * PANEL_WIDTH, TOP + (i // 2) * panel_height)
    parts += legend(height - 14)
    pathlib.Path(path).write_text("\n".join([*parts, "</svg>"]) + "\n")
