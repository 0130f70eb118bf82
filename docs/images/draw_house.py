"""Draw the house: the floors and rooms of Kimera, as an SVG.

Run ``python docs/images/draw_house.py`` after a room is added; it writes ``house.svg`` beside it.
"""

from pathlib import Path

FLOORS = [
    ("7", [("desk", "command line · terminal view · report · benchmarks")]),
    ("6", [("system", "event loop · configuration · replay · simulation")]),
    ("5", [("strategy", "market making · momentum · yours in Python, Numba or C++")]),
    ("4", [("cep", "patterns in streams: SQL MATCH_RECOGNIZE")]),
    (
        "2",
        [
            ("market", "tapes · books · matching engine · order flow"),
            ("portfolio", "ledger · performance"),
        ],
    ),
    ("1", [("runtime", "ring · journal · clock · seeds · histograms")]),
    ("0", [("model", "records · instruments · orders · refusals")]),
]
WIDTH, HEIGHT, LEFT, GAP = 760, 58, 60, 10
COLOURS = ["#e8f1fb", "#e9f7ef", "#fdf3e3", "#f6ecfa", "#fdeaea", "#eef0f3"]


def room(x: float, y: float, width: float, name: str, holds: str, colour: str) -> str:
    """One room: a rounded box with its name and what it holds."""
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{HEIGHT}" rx="8" fill="{colour}" '
        f'stroke="#5b6b7f" stroke-width="1.2"/>'
        f'<text x="{x + width / 2}" y="{y + 24}" class="name">{name}</text>'
        f'<text x="{x + width / 2}" y="{y + 44}" class="holds">{holds}</text>'
    )


def main() -> None:
    """Write house.svg."""
    parts = []
    for i, (floor, rooms) in enumerate(FLOORS):
        y = 20 + i * (HEIGHT + GAP)
        parts.append(f'<text x="28" y="{y + HEIGHT / 2 + 5}" class="floor">{floor}</text>')
        total = WIDTH - LEFT - 20
        shares = [0.62, 0.38] if len(rooms) == 2 else [1.0]
        x = float(LEFT)
        for (name, holds), share in zip(rooms, shares, strict=True):
            width = total * share - (GAP / 2 if len(rooms) == 2 else 0)
            parts.append(room(x, y, width, name, holds, COLOURS[i % len(COLOURS)]))
            x += width + GAP
    height = 40 + len(FLOORS) * (HEIGHT + GAP)
    style = (
        "text{font-family:-apple-system,'Segoe UI',Helvetica,Arial,sans-serif;"
        "text-anchor:middle;fill:#1f2a37}.name{font-size:16px;font-weight:600}"
        ".holds{font-size:12px;fill:#4a5768}.floor{font-size:15px;fill:#8592a3}"
    )
    foot = (
        f'<text x="{WIDTH / 2}" y="{height - 8}" class="holds">'
        "imports point down only; rooms on one floor never import each other</text>"
    )
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" aria-label="The rooms of Kimera">'
        f"<style>{style}</style>"
        f'<rect width="{WIDTH}" height="{height}" fill="#ffffff"/>'
        f"{''.join(parts)}{foot}</svg>\n"
    )
    Path(__file__).with_name("house.svg").write_text(svg)


if __name__ == "__main__":
    main()
