"""Medians of the matrices of each kind, at one step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.diagnosis.slice_group import slice_groups

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit

KindKey = tuple[str | None, str]
"""Tower and kind: what is never pooled."""


class KindSize(NamedTuple):
    """How large the matrices of one kind are.

    Attributes
    ----------
    lam : float
        Median lambda.
    mean_square : float
        Square of the median root mean square.
    """

    lam: float
    mean_square: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `lambda` for `lam`."""
        return {"lambda": self.lam, "mean_square": self.mean_square}


def kind_sizes(slices: Sequence[SliceFit]) -> dict[KindKey, KindSize]:
    """Return the medians of each kind; what adapters add is left out.

    Parameters
    ----------
    slices : sequence of SliceFit
        Of one model, in the order of tables.

    Returns
    -------
    dict of (tower, kind) to KindSize
        In the order of tables.
    """
    return {
        (group.tower, group.kind): KindSize(
            median(item.lam for item in group.slices),
            median(item.rms for item in group.slices) ** 2,
        )
        for group in slice_groups(slices)
        if not group.updates
    }


def weibull_mean_square(lam: float, k: float) -> float:
    """Return the mean square of a Weibull variable: lambda^2 Gamma(1 + 2/k)."""
    return lam**2 * math.gamma(1 + 2 / k)
