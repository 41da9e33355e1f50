"""Matrices whose shape or scale stands out among those of their kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.errors import printable
from weightgauge.findings import Place, place_of
from weightgauge.records import Table, as_row

if TYPE_CHECKING:
    from weightgauge.diagnosis.slice_group import SliceGroup
    from weightgauge.fits.slice_fit import SliceFit

FEWEST = 5
"""A kind with fewer matrices has no outliers."""

_THRESHOLDS = ((5, 7.8), (6, 5.5), (8, 4.9), (12, 4.4), (24, 3.9), (80, 3.8))
"""Numbers of matrices, and the robust z that one of as many normal ones passes in 5 % of groups:
see docs/statistics.md, outliers."""

_THRESHOLDS_WITH_TREND = ((8, 6.9), (12, 5.1), (24, 4.1), (80, 3.8))
"""The same where a trend over the blocks was removed, which makes the rest smaller than it was."""

_LEAST = {"k": 0.05, "ln lambda": 0.25}
"""Differences that nobody has to look at, however regular the others are."""

_MAD_TO_SD = 1.482602218505602
_FEWEST_FOR_TREND = 8
"""Over fewer blocks a line follows single matrices so closely that hardly any can stand out."""
_MOST_FOR_TREND = 200
"""With more matrices than these every one is no longer compared with every other."""


@dataclass(frozen=True, slots=True, repr=False)
class Outlier:
    """A matrix whose shape or scale is unlike that of its kind.

    Attributes
    ----------
    tensor, part, kind, block, tower, expert, head
        Name, kind and place of the matrix; see `weightgauge.SliceFit`.
    quantity : str
        "k" or "ln lambda".
    value, se : float
        The quantity, and its standard error: see `weightgauge.SliceFit.k_se_matrix`.
    expected : float
        What others of its kind and tower have at its depth.
    z : float
        (value - expected) / sqrt(s^2 + se^2) with s = 1.4826 times the median absolute deviation
        from what is expected.
    """

    tensor: str
    part: str | None
    kind: str
    block: int | None
    tower: str | None
    expert: int | None
    head: int | None
    quantity: str
    value: float
    se: float
    expected: float
    z: float

    @property
    def place(self) -> Place:
        """What findings about the matrix are about."""
        return place_of(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the matrix, the quantity and how far it is out."""
        name = printable(self.tensor, limit=60)
        return f"<Outlier '{name}' {self.kind}: {self.quantity} {self.value:.3f}, z {self.z:+.1f}>"


def outliers(groups: Sequence[SliceGroup]) -> Table[Outlier]:
    """Find the matrices that stand out in shape or scale.

    Parameters
    ----------
    groups : sequence of SliceGroup
        Matrices by kind and tower.

    Returns
    -------
    Table of Outlier
        The largest |z| first. Matrices are compared with those whose names differ in numbers alone;
        where there are fewer than five of them, there are none. Matrices whose k says nothing of
        the training are none either.
    """
    found = []
    for group in (role for kind in groups for role in kind.of_one_role()):
        if len(group.slices) < FEWEST:
            continue
        shapes = [(item.k, item.k_se_matrix) for item in group.slices]
        scales = [(math.log(item.lam), item.ln_lambda_se_matrix) for item in group.slices]
        # Of values on a grid k is that of the grid, and only the scale can be that of the weights.
        asked = (
            [("ln lambda", scales)] if group.withheld else [("k", shapes), ("ln lambda", scales)]
        )
        for quantity, values in asked:
            found += _outliers(group, quantity, values)
    return Table(Outlier, sorted(found, key=lambda each: -abs(each.z)))


def threshold(members: int, *, trend: bool = False) -> float:
    """Return the robust z beyond which one of so many matrices stands out.

    Parameters
    ----------
    members : int
        Matrices of one kind, at least five.
    trend : bool
        Whether a trend over the blocks was removed.

    Examples
    --------
    >>> threshold(6), threshold(80), threshold(12, trend=True)
    (5.5, 3.8, 5.1)
    """
    sizes, limits = zip(*(_THRESHOLDS_WITH_TREND if trend else _THRESHOLDS), strict=True)
    return float(np.interp(math.log(members), np.log(sizes), limits))


def _outliers(
    group: SliceGroup, quantity: str, values: Sequence[tuple[float, float]]
) -> list[Outlier]:
    trend = _has_trend(group.slices)
    expected = _at_depth(group.slices, [value for value, _ in values], trend=trend)
    rest = [value - usual for (value, _), usual in zip(values, expected, strict=True)]
    spread = _MAD_TO_SD * median(map(abs, rest))
    limit = threshold(len(values), trend=trend)
    found = []
    for item, (value, se), usual in zip(group.slices, values, expected, strict=True):
        error = math.hypot(spread, se if math.isfinite(se) else 0.0)
        off = abs(value - usual)
        if error == 0 or off < limit * error or off < _LEAST[quantity]:
            continue
        found.append(
            Outlier(
                **item.place._asdict(),
                quantity=quantity,
                value=value,
                se=se,
                expected=usual,
                z=(value - usual) / error,
            )
        )
    return found


def _has_trend(slices: Sequence[SliceFit]) -> bool:
    """Whether there are enough blocks for a line over them."""
    blocks = {item.block for item in slices}
    enough = len(blocks) >= _FEWEST_FOR_TREND and len(slices) <= _MOST_FOR_TREND
    return None not in blocks and enough


def _at_depth(slices: Sequence[SliceFit], values: Sequence[float], *, trend: bool) -> list[float]:
    """Return what each matrix should have: the median, or a robust line over the blocks.

    The line is that of Theil (1950) and Sen (1968): the median of the slopes between all pairs.
    """
    if not trend:
        return [median(values)] * len(values)
    depths = [float(item.block or 0) for item in slices]
    slopes = [
        (values[j] - values[i]) / (depths[j] - depths[i])
        for i, j in combinations(range(len(values)), 2)
        if depths[i] != depths[j]
    ]
    slope = median(slopes)
    start = median(value - slope * depth for value, depth in zip(values, depths, strict=True))
    return [start + slope * depth for depth in depths]
