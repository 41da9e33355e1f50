"""A heatmap as a part of a document: numbers in rows and columns, of which each has a shade.

Shades begin at fixed distances from a centre, so that a shade means the same in every model. Each
has a letter too, for places without colours and for people who do not tell these colours apart:
capitals below the centre, small letters above it, further away with each letter of the alphabet.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

SHADES = 4
"""Shades on either side of the centre."""

_BELOW, _CENTRE, _ABOVE = "DCBA", ".", "abcd"


class Shade(NamedTuple):
    """How one shade is shown.

    Attributes
    ----------
    letter : str
        Its letter.
    terminal : int or None
        Its colour on a terminal, of the 256 of xterm; None for that of the terminal, where the
        letter is shown.
    colour, ink : str
        The same colour for pages, and that of a letter on it.
    """

    letter: str
    terminal: int | None
    colour: str
    ink: str


# Orange below and blue above: red-green blindness leaves both apart, and so does grey, in which
# both grow darker with the distance. What is like the centre has no block, so that what differs
# stands out on a dark background as on a light one, which nobody can know. White and black letters
# have a contrast of 4.5 or more.
_COLOURS = (
    (202, "#ff5f00", "#000"),
    (208, "#ff8700", "#000"),
    (215, "#ffaf5f", "#000"),
    (222, "#ffd787", "#000"),
    (None, "transparent", "inherit"),
    (153, "#afd7ff", "#000"),
    (75, "#5fafff", "#000"),
    (33, "#0087ff", "#000"),
    (27, "#005fff", "#fff"),
)
PALETTE = tuple(
    Shade(letter, *colour)
    for letter, colour in zip(_BELOW + _CENTRE + _ABOVE, _COLOURS, strict=True)
)
"""All shades, from far below the centre to far above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heatmap:
    """Numbers in rows and columns, each shown by how far it lies from a centre.

    Attributes
    ----------
    rows, columns : sequence of str
        What each row and each column is.
    values : sequence of sequence of (float, str or None)
        A row of numbers for each of `rows`; a mark of one character where there is a reason for no
        shade, None where there is nothing.
    centre : float
        The number in the middle.
    limits : tuple of float
        Distances from the centre at which the next shade begins, ascending; one for each of
        `SHADES`.
    ends : (str, str)
        What numbers below the centre mean, and those above it.
    marks : mapping of str to str
        What the marks mean that may occur.
    never_lost : str
        The mark that is shown of several columns in one if it is among them; "" for none.
    across : str
        What the columns are.
    form : str
        Format specification of a number.
    """

    rows: Sequence[str]
    columns: Sequence[str]
    values: Sequence[Sequence[float | str | None]]
    centre: float
    limits: tuple[float, ...]
    ends: tuple[str, str]
    marks: Mapping[str, str] = field(default_factory=dict)
    never_lost: str = ""
    across: str = ""
    form: str = ".3f"

    def shade(self, value: float) -> Shade:
        """Return the shade of a number."""
        away = value - self.centre
        steps = bisect_left(self.limits, abs(away))
        return PALETTE[SHADES + (steps if away > 0 else -steps)]

    def scale(self) -> list[str]:
        """Return the limits between neighbouring shades, from below, as distances."""
        return [
            *(f"-{limit:g}" for limit in reversed(self.limits)),
            *(f"+{limit:g}" for limit in self.limits),
        ]

    def joined(self, most: int) -> Heatmap:
        """Return the map with neighbouring columns joined until there are no more than `most`.

        Of several numbers the one furthest from the centre is kept, so that nothing that stands out
        disappears.
        """
        size = -(-len(self.columns) // most)
        if size <= 1:
            return self
        starts = range(0, len(self.columns), size)
        ends = [min(start + size, len(self.columns)) for start in starts]
        return replace(
            self,
            columns=[
                f"{self.columns[a]}-{self.columns[b - 1]}"
                for a, b in zip(starts, ends, strict=True)
            ],
            values=[
                [self._furthest(row[a:b]) for a, b in zip(starts, ends, strict=True)]
                for row in self.values
            ],
            across=f"{self.across} (of {size} the furthest)",
        )

    def _furthest(self, values: Sequence[float | str | None]) -> float | str | None:
        if self.never_lost and self.never_lost in values:
            return self.never_lost
        numbers = [value for value in values if isinstance(value, float)]
        if numbers:
            return max(numbers, key=lambda value: abs(value - self.centre))
        return next((value for value in values if value is not None), None)

    def used_marks(self) -> list[tuple[str, str]]:
        """Return the marks that occur, and what each means."""
        there = {value for row in self.values for value in row if isinstance(value, str)}
        return [(mark, meaning) for mark, meaning in self.marks.items() if mark in there]
