"""The page: sections of tables and pictures, put into one self-contained HTML file."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterator
from importlib import resources
from string import Template
from typing import Final

import msgspec
import numpy as np

from kimera.desk.report.charts import Figure

__all__ = ["PLOTLY_ASSET", "Card", "Page", "Tile", "table"]

PLOTLY_ASSET: Final = "plotly.min.js.gz"
"""plotly.js (MIT licence), taken unchanged from the package plotly when Kimera is built."""


class Tile(msgspec.Struct, frozen=True):
    """A headline number: what it is, the number with its unit, and a line about it."""

    label: str
    value: str
    note: str = ""
    tone: str = ""


class Card(msgspec.Struct, frozen=True):
    """A titled piece of the page: one line of explanation, then a picture, HTML, or both.

    Attributes
    ----------
    title, note : str
        Plain text.
    figure : dict or None
        Drawn under the note.
    body : str
        HTML under the picture.
    height : int
        Of the picture [px].
    wide : bool
        Whether it takes the whole width.
    """

    title: str
    note: str = ""
    figure: Figure | None = None
    body: str = ""
    height: int = 320
    wide: bool = False


class Page(msgspec.Struct, frozen=True):
    """Everything the template asks for.

    Attributes
    ----------
    title, subtitle : str
        Plain text.
    tiles : list of Tile
    sections : list of (str, list of Card)
        Heading and cards.
    footer : str
        Plain text.
    """

    title: str
    subtitle: str
    tiles: list[Tile]
    sections: list[tuple[str, list[Card]]]
    footer: str

    def html(self) -> str:
        """Put the page together: style, data and plotly.js inside, nothing loaded from outside."""
        cards = [card for _, group in self.sections for card in group]
        figures = [card.figure for card in cards if card.figure is not None]
        numbers = iter(range(len(figures)))
        body = [_section(title, group, numbers) for title, group in self.sections]
        packed = resources.files("kimera.desk.report").joinpath("assets", PLOTLY_ASSET)
        return Template(_asset("page.html")).substitute(
            title=html.escape(self.title),
            subtitle=html.escape(self.subtitle),
            style=_asset("report.css"),
            tiles="\n".join(map(_tile, self.tiles)),
            sections="\n".join(body),
            footer=html.escape(self.footer),
            figures=_json(figures),
            script=_asset("report.js"),
            plotly=base64.b64encode(packed.read_bytes()).decode("ascii"),
        )


def table(headers: list[str], rows: list[list[str]], *, left: int = 1) -> str:
    """Make an HTML table of plain-text cells.

    Parameters
    ----------
    headers : list of str
    rows : list of list of str
        As wide as the headers.
    left : int
        Leading columns of words, set flush left; the rest are numbers.
    """

    def line(cells: list[str], kind: str) -> str:
        parts = [
            f"<{kind}{' class=w' if at < left else ''}>{html.escape(cell)}</{kind}>"
            for at, cell in enumerate(cells)
        ]
        return f"<tr>{''.join(parts)}</tr>"

    head = f"<thead>{line(headers, 'th')}</thead>" if any(headers) else ""
    body = "".join(line(row, "td") for row in rows)
    return f"<div class=scroll><table>{head}<tbody>{body}</tbody></table></div>"


def _section(title: str, cards: list[Card], numbers: Iterator[int]) -> str:
    inner = "\n".join(_card(card, numbers) for card in cards)
    return f"<section><h2>{html.escape(title)}</h2><div class=grid>{inner}</div></section>"


def _card(card: Card, numbers: Iterator[int]) -> str:
    parts = [f"<h3>{html.escape(card.title)}</h3>"]
    if card.note:
        parts.append(f"<p class=note>{html.escape(card.note)}</p>")
    if card.figure is not None:
        number = next(numbers)
        parts.append(
            f'<div class=figure data-figure="{number}" style="height:{card.height}px"></div>'
        )
    parts.append(card.body)
    wide = " wide" if card.wide else ""
    return f'<article class="card{wide}">{"".join(parts)}</article>'


def _tile(tile: Tile) -> str:
    note = f"<small>{html.escape(tile.note)}</small>" if tile.note else ""
    return (
        f'<div class="tile {tile.tone}"><span>{html.escape(tile.label)}</span>'
        f"<b>{html.escape(tile.value)}</b>{note}</div>"
    )


def _json(figures: list[Figure]) -> str:
    # "<" inside a string could end the script element: JSON's own escape prevents it.
    return msgspec.json.encode(figures, enc_hook=_scalar).decode("utf-8").replace("<", "\\u003c")


def _scalar(value: object) -> object:
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a figure holds a {type(value).__name__}")


def _asset(name: str) -> str:
    return resources.files("kimera.desk.report").joinpath("assets", name).read_text("utf-8")
