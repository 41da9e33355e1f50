"""What is noticed about a run or about one of its steps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weightgauge.errors import printable
from weightgauge.records import Table, as_row

LEVELS = ("fault", "warning", "note")
"""From the most serious: no working model has this; somebody should look; true, nothing to do."""

_NAMED = 3


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Finding:
    """One thing that was noticed.

    Attributes
    ----------
    id : str
        The rule that noticed it; such names stay as they are.
    level : {"fault", "warning", "note"}
        See `LEVELS`.
    step : int or None
        The step at which it was noticed; None for what is about the run.
    tensor, part, kind, block, tower, expert, head
        What it is about, as in `weightgauge.SliceFit`; None for what is about more.
    value, expected : float, int, str or None
        What was found, and what would have been in order.
    message : str
        The whole in a sentence, safe to show.
    hint : str or None
        What to do about it.
    """

    id: str
    level: str
    step: int | None = None
    tensor: str | None = None
    part: str | None = None
    kind: str | None = None
    block: int | None = None
    tower: str | None = None
    expert: int | None = None
    head: int | None = None
    value: float | int | str | None = None
    expected: float | int | str | None = None
    message: str
    hint: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the level, the rule and the beginning of the message."""
        return f"<Finding {self.level} {self.id}: {printable(self.message, limit=80)}>"


def by_importance(findings: list[Finding]) -> Table[Finding]:
    """Sort findings: the most serious first, then by step; what is about the run comes first."""
    return Table(
        Finding,
        sorted(
            findings,
            key=lambda each: (LEVELS.index(each.level), -1 if each.step is None else each.step),
        ),
    )


def named(names: list[str]) -> str:
    """Name the first few of several things, and how many more there are.

    Examples
    --------
    >>> named(["a", "b", "c", "d", "e"])
    'a, b, c and 2 more'
    """
    shown = ", ".join(printable(name) for name in names[:_NAMED])
    rest = len(names) - _NAMED
    return f"{shown} and {rest:,} more" if rest > 0 else shown
