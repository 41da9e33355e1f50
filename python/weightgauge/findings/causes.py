"""Which findings follow from which others: a reader is told of a cause before its consequences.

This table is the one place where that is stated. `by_importance` sorts by it, and `grouped` says of
a consequence what it follows from, in place of what else could be done about it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
        Whether they do wherever they are; otherwise those about the same matrix do.
    """

    id: str
    explains: frozenset[str]
    anywhere: bool = False


_LOST = ("missing-block", "missing-part", "missing-head", "missing-embedding")
_OTHER_BYTES = (
    *("non-finite", "all-zero", "constant", "zero-hole", "flipped-bit", "garbled", "scale-lost"),
    *("one-sign", "duplicate", "exchanged", "unlike-base"),
)

CAUSES = (
    Cause("missing-file", frozenset((*_LOST, "missing-tensor")), anywhere=True),
    Cause("mixed-architectures", frozenset(("vanished", "appeared", "changed-shape")), True),
    *(Cause(each, frozenset(("missing-tensor",)), anywhere=True) for each in _LOST),
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
    there: set[tuple[object, ...]] = set()
    for each in findings:
        if each.id in _PLACES:
            where = None if CAUSES[_PLACES[each.id]].anywhere else _matrix(each)
            there.add((each.id, each.step, each.model, where))
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
        if each.id in cause.explains:
            where = None if cause.anywhere else _matrix(each)
            known = cause.anywhere or where is not None
            if known and (cause.id, each.step, each.model, where) in there:
                return cause
    return None


def _matrix(each: Finding) -> str | None:
    return None if each.tensor is None else _ROLE.sub("", each.tensor)
