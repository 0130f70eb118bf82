"""A picture of a pattern: its automaton as a rail diagram in SVG, and what it may hold.

Boxes are variables, forks are alternatives, a rail above goes back for another turn and a rail
below passes by; a dashed frame is an exclusion.
"""

from __future__ import annotations

from html import escape
from typing import Final

import msgspec

from kimera.cep.pattern import (
    Alternation,
    Anchor,
    Concatenation,
    Exclusion,
    Pattern,
    Quantified,
    Variable,
)

__all__ = ["draw"]

GAP: Final = 18
ROW: Final = 34
CHAR: Final = 8.6
NOTE: Final = 6.7


class _Drawn(msgspec.Struct, frozen=True):
    """A piece: its size, how far its rail lies below its top, and its SVG at the origin."""

    width: float
    height: float
    rail: float
    svg: str


def draw(pattern: Pattern, title: str = "") -> str:
    """Draw a pattern as SVG text.

    Parameters
    ----------
    pattern : Pattern
    title : str
        Stands above.

    Returns
    -------
    str
    """
    body = _piece(pattern)
    width, height = max(body.width + 100, 12 + CHAR * len(title)), body.height + 70
    rail = 44 + body.rail
    style = (
        "text{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:14px;fill:#1f2a37}"
        ".rail{stroke:#5b6b7f;stroke-width:1.6;fill:none}"
        ".box{fill:#e8f1fb;stroke:#5b6b7f;stroke-width:1.2}"
        ".out{fill:none;stroke:#b45309;stroke-dasharray:5 4}.note{font-size:11px;fill:#4a5768}"
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}"><style>{style}</style>'
        f'<rect width="100%" height="100%" fill="#fff"/>'
        f'<text x="12" y="22">{escape(title)}</text>'
        f'<circle cx="24" cy="{rail}" r="6" fill="#5b6b7f"/>'
        f'<path class="rail" d="M30 {rail}H50"/>'
        f'<g transform="translate(50 44)">{body.svg}</g>'
        f'<path class="rail" d="M{50 + body.width} {rail}h20"/>'
        f'<circle cx="{76 + body.width}" cy="{rail}" r="6" fill="none" stroke="#5b6b7f" '
        f'stroke-width="3"/></svg>\n'
    )


def _piece(pattern: Pattern) -> _Drawn:
    match pattern:
        case Variable(name):
            return _box(name)
        case Anchor(at_start):
            return _box("start" if at_start else "end")
        case Concatenation(items):
            return _row([_piece(item) for item in items])
        case Alternation(items):
            return _fork([_piece(item) for item in items])
        case Exclusion(item):
            return _frame(_piece(item))
        case Quantified():
            return _loop(pattern)


def _box(text: str) -> _Drawn:
    width = CHAR * len(text) + 24
    svg = (
        f'<rect class="box" x="0" y="2" width="{width}" height="{ROW - 6}" rx="7"/>'
        f'<text x="12" y="{ROW / 2 + 4}">{escape(text)}</text>'
    )
    return _Drawn(width, ROW, ROW / 2 - 1, svg)


def _row(pieces: list[_Drawn]) -> _Drawn:
    if not pieces:
        return _Drawn(GAP, ROW, ROW / 2, f'<path class="rail" d="M0 {ROW / 2}h{GAP}"/>')
    rail = max(p.rail for p in pieces)
    height = rail + max(p.height - p.rail for p in pieces)
    svg, x = [], 0.0
    for index, piece in enumerate(pieces):
        if index:
            svg.append(f'<path class="rail" d="M{x} {rail}h{GAP}"/>')
            x += GAP
        svg.append(f'<g transform="translate({x} {rail - piece.rail})">{piece.svg}</g>')
        x += piece.width
    return _Drawn(x, height, rail, "".join(svg))


def _fork(pieces: list[_Drawn]) -> _Drawn:
    inner = max(p.width for p in pieces)
    width = inner + 4 * GAP
    svg, y, rail = [], 0.0, pieces[0].rail
    for piece in pieces:
        at = y + piece.rail
        x = 2 * GAP
        svg.append(f'<path class="rail" d="M0 {rail}C{GAP} {rail} {GAP} {at} {x} {at}"/>')
        svg.append(f'<g transform="translate({x} {y})">{piece.svg}</g>')
        svg.append(
            f'<path class="rail" d="M{x + piece.width} {at}H{width - 2 * GAP}'
            f'C{width - GAP} {at} {width - GAP} {rail} {width} {rail}"/>'
        )
        y += piece.height + 6
    return _Drawn(width, y, rail, "".join(svg))


def _frame(piece: _Drawn) -> _Drawn:
    svg = (
        f'<rect class="out" x="2" y="2" width="{piece.width + 16}" height="{piece.height + 12}" '
        f'rx="9"/><g transform="translate(10 8)">{piece.svg}</g>'
        f'<path class="rail" d="M0 {piece.rail + 8}h10M{piece.width + 10} {piece.rail + 8}h10"/>'
    )
    return _Drawn(piece.width + 20, piece.height + 18, piece.rail + 8, svg)


def _loop(loop: Quantified) -> _Drawn:
    piece = _piece(loop.item)
    again = loop.most is None or loop.most > 1
    above, below = (26.0 if again else 4.0), (24.0 if loop.least == 0 else 4.0)
    note = _times(loop) if again else "" if loop.greedy else "rather not"
    inner = max(piece.width, NOTE * len(note))
    width, rail = inner + 2 * GAP, above + piece.rail
    height = above + piece.height + below
    side = (inner - piece.width) / 2
    end = width - GAP
    svg = [
        f'<path class="rail" d="M0 {rail}h{GAP + side}M{end - side} {rail}h{GAP + side}"/>',
        f'<g transform="translate({GAP + side} {above})">{piece.svg}</g>',
    ]
    if again:
        svg.append(
            f'<path class="rail" d="M{end + 4} {rail}V{above - 8}H{GAP - 4}V{rail}"/>'
            f'<text class="note" x="{GAP + 2}" y="{above - 12}">{escape(note)}</text>'
        )
    if loop.least == 0:
        low = height - 8
        svg.append(f'<path class="rail" d="M4 {rail}V{low}H{width - 4}V{rail}"/>')
    if note and not again:
        svg.append(f'<text class="note" x="{GAP + 2}" y="{height - 12}">{note}</text>')
    return _Drawn(width, height, rail, "".join(svg))


def _times(loop: Quantified) -> str:
    if loop.most is None:
        times = "again" if loop.least <= 1 else f"{loop.least} or more"
    elif loop.least == loop.most:
        times = f"{loop.least} times"
    else:
        times = f"{loop.least} to {loop.most}"
    return times if loop.greedy else f"{times}, rather less"
