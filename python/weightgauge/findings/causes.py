"""Which findings follow from which others: a reader is told of a cause before its consequences.

This table is the one place where that is stated. `by_importance` sorts by it, and `grouped` says of
a consequence what it follows from, in place of what else could be done about it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import product
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weightgauge.findings.finding import Finding


class Cause(NamedTuple):
    """A rule whose findings explain those of others.

    Attributes
    ----------
    id : str
        The rule.
    explains : frozenset of str
        The rules whose findings follow from it.
    anywhere : bool
        Whether they do wherever the cause does not name a place: a lost head explains no lost
        norm. Otherwise those about the same matrix do.
    in_blocks : bool
        Whether only what lies in blocks follows.
    """

    id: str
    explains: frozenset[str]
    anywhere: bool = False
    in_blocks: bool = False


_LOST = ("missing-block", "missing-part", "missing-head", "missing-embedding")
_OTHER_BYTES = (
    *("non-finite", "all-zero", "constant", "zero-hole", "flipped-bit", "garbled", "scale-lost"),
    *("one-sign", "duplicate", "exchanged", "unlike-base"),
)

CAUSES = (
    Cause("missing-file", frozenset((*_LOST, "missing-tensor")), anywhere=True),
    Cause("mixed-architectures", frozenset(("vanished", "appeared", "changed-shape")), True),
    *(
        Cause(
            each, frozenset(("missing-tensor",)), anywhere=True, in_blocks=each == "missing-block"
        )
        for each in _LOST
    ),
    Cause("shape-contradicts", frozenset(("shape-differs",))),
    Cause("scale-missing", frozenset(("scale-lost", "flipped-bit", "constant", "one-sign"))),
    Cause("non-finite-scales", frozenset(("non-finite", "value-differs"))),
    Cause(
        "zero-scales",
        frozenset(
            (
                *("all-zero", "zero-hole", "zero-share", "dead-rows", "dead-columns"),
                "value-differs",
            )
        ),
    ),
    Cause("negative-scales", frozenset(("one-sign", "off-centre", "value-differs"))),
    Cause("zero-points-contradict", frozenset(("one-sign", "off-centre", "value-differs"))),
    *(Cause(each, frozenset(("value-differs",))) for each in _OTHER_BYTES),
)
"""From what may explain everything to what may be explained by much: a rule that is explained by
one row has its own row further down."""

_PLACES = {cause.id: place for place, cause in enumerate(CAUSES)}

_ROLE = re.compile(r"[._](?:q?weight(?:_\w+)?|q?zeros|scales?|blocks|g_idx)$")
"""What names of one matrix differ by, whose codes and scales are stored apart."""


def explained_by(findings: Sequence[Finding]) -> list[Cause | None]:
    """Return for each of several findings the cause among the others that it follows from.

    Parameters
    ----------
    findings : sequence of Finding
        All that is told together. Steps and models are kept apart.

    Returns
    -------
    list of Cause or None
        One for each; None for what follows from no other.
    """
    there = {
        (each.id, each.step, each.model, *_where(each, CAUSES[_PLACES[each.id]]))
        for each in findings
        if each.id in _PLACES
    }
    if not there:
        return [None] * len(findings)
    present = {key[0] for key in there}
    rows = [cause for cause in CAUSES if cause.id in present]
    return [_cause_of(each, rows, there) for each in findings]


def rank(cause: Cause | None) -> int:
    """Return where what follows from a cause stands: behind what follows from none."""
    return 0 if cause is None else 1 + _PLACES[cause.id]


def _cause_of(each: Finding, rows: Sequence[Cause], there: set[tuple[object, ...]]) -> Cause | None:
    for cause in rows:
        if each.id not in cause.explains or (cause.in_blocks and each.block is None):
            continue
        where = _where(each, cause)
        if not cause.anywhere:
            places: Iterable[tuple[object, ...]] = () if where == (None,) else (where,)
        else:  # a part of the place that the cause does not name may be any
            places = product(*({None, part} for part in where))
        if any((cause.id, each.step, each.model, *place) in there for place in places):
            return cause
    return None


def _where(each: Finding, cause: Cause) -> tuple[object, ...]:
    """Return what of the place of a finding decides whether it is the cause, or follows from it."""
    matrix = None if each.tensor is None else _ROLE.sub("", each.tensor)
    return (matrix, each.kind, each.block, each.tower) if cause.anywhere else (matrix,)
