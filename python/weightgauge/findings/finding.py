"""The record of one thing that was noticed, whoever noticed it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from weightgauge.errors import printable
from weightgauge.findings.causes import explained_by, rank
from weightgauge.records import Table, as_row

LEVELS = ("fault", "warning", "note")
"""From the most serious: no working model has this; somebody should look; true, nothing to do."""

_AFTER_EXPERT = re.compile(r"expert(\w*(?:[.]\d+)?)")
_NUMBER = re.compile(r"\d+")
_NAMED = 3


class Place(NamedTuple):
    """What a finding is about; None for what does not apply, or is about more.

    Attributes
    ----------
    tensor, part, kind, block, tower, expert, head
        As in `weightgauge.SliceFit`.
    """

    tensor: str | None = None
    part: str | None = None
    kind: str | None = None
    block: int | None = None
    tower: str | None = None
    expert: int | None = None
    head: int | None = None


def place_of(record: object) -> Place:
    """Return the place of a record that has all the fields of a place."""
    return Place(*(getattr(record, name) for name in Place._fields))


class Named(Protocol):
    """What a slice, or a record about one, has to be told from others."""

    @property
    def tensor(self) -> str | None:
        """Name in the checkpoint."""

    @property
    def part(self) -> str | None:
        """Which matrix of a fused tensor."""

    @property
    def expert(self) -> int | None:
        """Number of the expert."""

    @property
    def head(self) -> int | None:
        """Number of the head."""


def slice_name(item: Named) -> str:
    """Return what to call a slice: its tensor, and which part, expert and head of it.

    Parameters
    ----------
    item : Place, SliceFit, or a record about one
        Has `tensor`, `part`, `expert` and `head`.

    Returns
    -------
    str
        Safe to show; "" where there is no tensor. An expert whose number is in the tensor's name is
        not named again.
    """
    tensor = item.tensor or ""
    marks = [] if item.part is None else [item.part]
    if item.expert is not None and str(item.expert) not in _experts_in(tensor):
        marks.append(f"expert {item.expert}")
    if item.head is not None:
        marks.append(f"head {item.head}")
    return printable(tensor) + (f" ({', '.join(marks)})" if marks else "")


def _experts_in(tensor: str) -> list[str]:
    """Return the numbers that follow the word in a name, such as `experts.3` and `expert_3`."""
    return [number for words in _AFTER_EXPERT.findall(tensor) for number in _NUMBER.findall(words)]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Finding:
    """One thing that was noticed.

    Attributes
    ----------
    id : str
        The rule that noticed it; such names stay as they are. See `weightgauge.findings.RULES`.
    level : {"fault", "warning", "note"}
        See `LEVELS`.
    tensor, part, kind, block, tower, expert, head
        What it is about, as in `weightgauge.SliceFit`; None for what is about more.
    value, expected : float, int, str or None
        What was found, and what would have been in order.
    message : str
        The whole in a sentence, safe to show.
    hint : str or None
        What to do about it.
    step : int or None
        The step of a run at which it was noticed; None for what is about the run, or one model.
    model : str or None
        Which of several models it is about, such as "a" and "b"; None where there is only one.
    """

    id: str
    level: str
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
    step: int | None = None
    model: str | None = None

    @property
    def place(self) -> Place:
        """What it is about."""
        return place_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the level, the rule and the beginning of the message."""
        return f"<Finding {self.level} {self.id}: {printable(self.message, limit=80)}>"


def by_importance(findings: Iterable[Finding]) -> Table[Finding]:
    """Sort findings: the most serious first, then by step; what is about all steps comes first.

    What follows from another finding stands behind all that does not: see `causes`. Findings of one
    rule stay together. Of two rules, the one with more findings comes first.
    """
    found = list(findings)
    ranks = [rank(cause) for cause in explained_by(found)]
    affected = Counter((each.id, rank) for each, rank in zip(found, ranks, strict=True))
    order = sorted(
        range(len(found)),
        key=lambda row: (
            LEVELS.index(found[row].level),
            -1 if (step := found[row].step) is None else step,
            ranks[row],
            -affected[found[row].id, ranks[row]],
            found[row].id,
        ),
    )
    return Table(Finding, [found[row] for row in order])


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


def enumerated(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> enumerated(["--lr", "--warmup", "--final"])
    '--lr, --warmup and --final'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
