"""What a rule is: one question about a finished record, and the words of its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weightgauge.findings.finding import LEVELS, Finding, Place, slice_name
from weightgauge.findings.readable import readable

FAULT, WARNING, NOTE = LEVELS
"""The levels by name."""

_NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Rule:
    """One row of the registry.

    Attributes
    ----------
    id : str
        Stable name.
    level : {"fault", "warning", "note"}
        How serious it is, where nothing speaks for another level.
    asks : str
        What it asks, in a few words.
    words : str
        The message about one place: a format string for `value`, `expected` and details, for
        `shown` and `usual`, the first two as `readable` writes them, and for `s` and `are`, the
        endings of a noun and its verb by whether the value is 1. The name of the place is put
        before it.
    several : str
        The message about several places, which stands in place of all of theirs: a format string
        for `count`, `names`, the `reasons` that values give in words, and the `least`, `most` and
        `total` of numbers; `least_shown` and `most_shown` are as `readable` writes them; `first`
        is the message about the first place, and `rest` the names of the others.
        "" where each place keeps a line of its own.
    hint : str or None
        What to do about it.
    threshold : float or None
        The number that decides, where one does.
    source : str
        Where the question or its number comes from; "" where it needs none.
    """

    id: str
    level: str
    asks: str
    words: str
    several: str = ""
    hint: str | None = None
    threshold: float | None = None
    source: str = ""

    def told(
        self,
        value: float | int | str | None,
        expected: float | int | str | None = None,
        **details: Any,
    ) -> str:
        """Return the message about one place, without its name; see `finding`."""
        return self.words.format(
            value=value,
            expected=expected,
            shown=readable(value),
            usual=readable(expected),
            s="" if value == 1 else "s",
            are="is" if value == 1 else "are",
            **details,
        )

    def finding(
        self,
        place: Place = _NOWHERE,
        *,
        value: float | int | str | None = None,
        expected: float | int | str | None = None,
        level: str | None = None,
        hint: str | None = None,
        step: int | None = None,
        **details: Any,
    ) -> Finding:
        """Return the finding that the rule applies.

        Parameters
        ----------
        place : Place
            What it is about.
        value, expected, level, hint, step
            As in `Finding`; level and hint are the rule's own by default.
        **details
            Whatever else the words need; strings must be safe to show.
        """
        told = self.told(value, expected, **details)
        return Finding(
            id=self.id,
            level=level or self.level,
            **place._asdict(),
            value=value,
            expected=expected,
            message=told if place.tensor is None else f"{slice_name(place)}: {told}",
            hint=hint or self.hint,
            step=step,
        )
