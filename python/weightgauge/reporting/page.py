"""Text for people: tables and paragraphs that look right on a terminal, in a pipe and in a file."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import click

_PROSE_WIDTH = 100
_GAP = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """Heading of a column, and the side its cells lean to."""

    title: str
    right: bool = False


class Page:
    """Lines of output, collected.

    Cells and lines are plain text: there is no markup that a name could smuggle in. Nothing is
    cut off; what is wider than the terminal wraps there.

    Parameters
    ----------
    width : int or None
        Columns of the terminal; None where there is none, as in a pipe.
    colour : bool
        Whether headings may be set off with terminal escapes.
    """

    def __init__(self, *, width: int | None = None, colour: bool = False) -> None:
        self.width = width
        self._colour = colour
        self._lines: list[str] = []

    def heading(self, text: str) -> None:
        """Add a heading, with an empty line before it."""
        if self._lines:
            self._lines.append("")
        self._lines.append(click.style(text, bold=True) if self._colour else text)

    def prose(self, text: str) -> None:
        """Add a paragraph, wrapped between words."""
        width = min(self.width or _PROSE_WIDTH, _PROSE_WIDTH)
        self._lines += textwrap.wrap(
            text, width, break_long_words=False, break_on_hyphens=False
        ) or [""]

    def line(self, text: str) -> None:
        """Add a line as it is."""
        self._lines.append(text)

    def table(self, columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> None:
        """Add a table: a heading row, a rule, and the rows."""
        widths = column_widths(columns, rows)
        self._lines.append(_row([column.title for column in columns], columns, widths))
        self._lines.append(_GAP.join("-" * width for width in widths))
        self._lines += [_row(row, columns, widths) for row in rows]

    def text(self) -> str:
        """Return the page, with a newline at its end."""
        return "\n".join(self._lines) + "\n" if self._lines else ""


def column_widths(columns: Sequence[Column], rows: Iterable[Sequence[str]]) -> list[int]:
    """Return the width of each column in terminal cells."""
    widths = [_cells(column.title) for column in columns]
    for row in rows:
        widths = [max(width, _cells(cell)) for width, cell in zip(widths, row, strict=True)]
    return widths


def table_width(widths: Sequence[int]) -> int:
    """Return the width of a table whose columns have these widths."""
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _row(cells: Sequence[str], columns: Sequence[Column], widths: Sequence[int]) -> str:
    padded = []
    for cell, column, width in zip(cells, columns, widths, strict=True):
        space = " " * (width - _cells(cell))
        padded.append(space + cell if column.right else cell + space)
    return _GAP.join(padded).rstrip()


def _cells(text: str) -> int:
    """Count the terminal cells of a text: East Asian characters take two, accents none."""
    if text.isascii():
        return len(text)
    return sum(
        0
        if unicodedata.combining(character)
        else 1 + (unicodedata.east_asian_width(character) in "WF")
        for character in text
    )
