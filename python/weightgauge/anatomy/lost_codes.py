"""Packed codes that are gone, and scales and zero points without which codes are no weights."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence

from weightgauge.anatomy.storage.left_alone import left_alone
from weightgauge.anatomy.storage.stored import in_module
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

_NEEDED = {"qweight": ("scales", "qzeros"), "weight_packed": ("weight_scale",)}
"""What codes cannot do without, where others of their name have it."""
_USUAL = 0.75
"""Where fewer of the codes have it and their format is not known, the others are another sort."""


def lost_codes(names: Sequence[str], lacking: Mapping[str, Sequence[str]]) -> Iterator[Finding]:
    """Tell of matrices of which everything is there but their codes, scales or zero points.

    Parameters
    ----------
    names : sequence of str
        Names of all tensors.
    lacking : mapping of str to sequence of str
        What codes of a known format lack, as in `weightgauge.anatomy.storage.Storage`.

    Yields
    ------
    Finding
        One for each tensor that is lost.
    """
    for name, lost in lacking.items():
        module, _, kind = name.rpartition(".")
        yield from (_told(in_module(module, leaf), kind) for leaf in lost)
    owners = [name.rpartition(".") for name in names]
    leaves = {leaf for _, _, leaf in owners}
    there = dict.fromkeys(names)
    for packed in (each for each in _NEEDED if each in leaves):
        modules = [owner for owner, _, leaf in owners if leaf == packed]
        known = {owner for owner in modules if in_module(owner, packed) in lacking}
        yield from _lost_beside(modules, packed, _NEEDED[packed], there, known)
    yield from (_told(lost, mark) for lost, mark in left_alone(there))


def _lost_beside(
    modules: Sequence[str],
    codes: str,
    needed: Sequence[str],
    there: Collection[str],
    told: Collection[str],
) -> Iterator[Finding]:
    """Tell of what a few modules lack of all that have such codes."""
    for leaf in needed:
        lacking = [owner for owner in modules if in_module(owner, leaf) not in there]
        if len(lacking) <= (1 - _USUAL) * len(modules):
            yield from (
                _told(in_module(owner, leaf), codes) for owner in lacking if owner not in told
            )


def _told(missing: str, left: str) -> Finding:
    return RULES["missing-part"].finding(
        Place(tensor=missing),
        value=0,
        expected=1,
        what=f"missing; '{printable(left)}' of the same matrix is there",
    )
