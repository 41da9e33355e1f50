"""What is wrong with factors of low-rank adapters that make no product."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from weightgauge.anatomy.components import Components
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

LONE, UNFIT, CONTRADICTED, REMARK = (
    *("missing-part", "adapter-factors", "shape-contradicts", "odd-input"),
)
"""Rules by which factors are told of: one without the other, two that make no product, a rank that
the configuration does not state, and what is merely not formed."""


class Unpaired(NamedTuple):
    """Factors about which one rule has one thing to say.

    Attributes
    ----------
    rule : str
        Id of the rule.
    reason : str
        What is wrong, in words that follow the name of a factor.
    names : list of str
        Names of the factors.
    """

    rule: str
    reason: str
    names: list[str]


def factor_findings(
    unpaired: Sequence[Unpaired], places: Components, names: Sequence[str]
) -> Iterator[Finding]:
    """Tell of factors that make no product, each by itself, and of remarks in one line each.

    Parameters
    ----------
    unpaired : sequence of Unpaired
        From `weightgauge.anatomy.lora.adapted_matrices`.
    places : Components
        What all tensors are.
    names : sequence of str
        Their names.

    Yields
    ------
    Finding
    """
    rows = {name: row for row, name in enumerate(names)} if unpaired else {}
    for each in unpaired:
        if each.rule == REMARK:
            yield RULES[each.rule].finding(what=told_of(each.names, each.reason))
            continue
        for name in each.names:
            kind, block, tower, expert, *_ = places[rows[name]]
            place = Place(tensor=name, kind=kind, block=block, tower=tower, expert=expert)
            yield RULES[each.rule].finding(place, value=each.reason, what=each.reason)


def told_of(names: Sequence[str], reason: str) -> str:
    """Say one thing of several factors, of which the first one is named."""
    more = f" (and {len(names) - 1:,} more)" if len(names) > 1 else ""
    return f"'{printable(names[0])}'{more} {reason}"
