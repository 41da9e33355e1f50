"""Packed codes that are gone, of which the scales, zero points or shapes are left."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

_LEFT = (
    ("weight_shape", (), ("weight_packed", "weight", "compressed")),
    ("qzeros", (), ("qweight",)),
    ("g_idx", ("scales",), ("qweight",)),
)
"""What nothing but packed codes has beside it, what else must be left, and how codes are called."""


def lost_codes(names: Sequence[str]) -> Iterator[Finding]:
    """Tell of matrices of which everything is there but their codes.

    Parameters
    ----------
    names : sequence of str
        Names of all tensors.

    Yields
    ------
    Finding
        One for each matrix.
    """
    marks = {mark for mark, _, _ in _LEFT}
    owners = [name.rpartition(".") for name in names]
    if marks.isdisjoint(leaf for _, _, leaf in owners):
        return
    there = set(names)
    told: set[str] = set()
    for mark, also, codes in _LEFT:
        for owner, _, leaf in owners:
            if leaf == mark and owner not in told and _is_left(owner, also, codes, there):
                told.add(owner)
                yield _told(owner, codes[0], mark)


def _is_left(
    owner: str, also: Collection[str], codes: Collection[str], there: Collection[str]
) -> bool:
    return all(f"{owner}.{leaf}" in there for leaf in also) and not any(
        f"{owner}.{leaf}" in there for leaf in codes
    )


def _told(owner: str, codes: str, mark: str) -> Finding:
    return RULES["missing-part"].finding(
        Place(tensor=f"{owner}.{codes}"),
        value=0,
        expected=1,
        what=f"missing; '{printable(mark)}' of the same matrix is there",
    )
