"""Which findings are about which matrix of a picture."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.slice_key import SliceKey

if TYPE_CHECKING:
    from weightgauge.findings import Finding

Told = Mapping[int, list[int]]
"""For each row of which anything was found, the places of that in the list of findings."""


def key_of(item: Any) -> SliceKey:
    """Return what tells a record about a slice from those about others of its model."""
    return SliceKey(item.tensor, item.part, item.expert, item.head)


def findings_by_row(items: Sequence[Any], findings: Sequence[Finding]) -> Told:
    """Return the places in `findings` of what was found of each row that anything was found of.

    What was found of a tensor that is only given in pieces is told of each piece.
    """
    exact: dict[SliceKey, int] = {key_of(item): row for row, item in enumerate(items)}
    named: dict[str, list[int]] = defaultdict(list)
    for row, item in enumerate(items):
        named[item.tensor].append(row)
    told: dict[int, list[int]] = defaultdict(list)
    for number, each in enumerate(findings):
        if each.tensor is None:
            continue
        own = exact.get(key_of(each))
        for row in named[each.tensor] if own is None else [own]:
            told[row].append(number)
    return told


def faulty(items: Sequence[Any], findings: Sequence[Finding]) -> set[SliceKey]:
    """Return the keys of the matrices of which a fault was found."""
    faults = [each for each in findings if each.level == "fault"]
    return {key_of(items[row]) for row in findings_by_row(items, faults)}
