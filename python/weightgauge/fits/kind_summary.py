"""The slices of one kind together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.anatomy.components import KINDS
from weightgauge.fits.columns import Columns, columns_of
from weightgauge.fits.pieces import counted_rows
from weightgauge.records import Table, as_row

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit

_NAN = float("nan")


@dataclass(frozen=True, slots=True, repr=False)
class KindSummary:
    """The slices of one kind together.

    A tensor that is also given in pieces of its own kind, such as stacked experts, counts by its
    pieces only. What an adapter adds is another quantity than the matrix that it is added to, so
    that the two are never in one median: products B A count where no stored matrix of their kind
    has a slice, as in the file of an adapter alone, and nowhere else.

    Attributes
    ----------
    kind : str
        One of `weightgauge.anatomy.components.KINDS`.
    slices : int
        How many slices are of this kind, those without numbers included.
    k_median, k_min, k_max, lambda_median, r2_median : float
        Over the slices that have numbers; NaN where none has.
    """

    kind: str
    slices: int
    k_median: float
    k_min: float
    k_max: float
    lambda_median: float
    r2_median: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the median shape and the number of slices."""
        return f"<KindSummary {self.kind}: k {self.k_median:.3f} over {self.slices:,} slices>"


def summaries(slices: Sequence[SliceFit]) -> Table[KindSummary]:
    """Summarise every kind that occurs, in the order of `weightgauge.anatomy.components.KINDS`."""
    columns = columns_of(slices)
    rows = np.array(counted_rows(columns), np.int64)
    numbers = {kind: number for number, kind in enumerate(KINDS)}
    kinds = np.array([numbers[kind] for kind in columns.kinds], np.int64)[rows]
    there = np.unique(kinds)  # ascending, so in the order of `KINDS`
    found = [_summary(KINDS[number], columns, rows[kinds == number]) for number in there]
    return Table(KindSummary, found)


def _summary(kind: str, columns: Columns, members: NDArray[np.int64]) -> KindSummary:
    rows = members[columns.fitted[members]]
    k, lam, r2 = columns.k[rows], columns.lam[rows], columns.r2[rows]
    return KindSummary(
        kind=kind,
        slices=len(members),
        k_median=float(np.median(k)) if rows.size else _NAN,
        k_min=float(np.min(k)) if rows.size else _NAN,
        k_max=float(np.max(k)) if rows.size else _NAN,
        lambda_median=float(np.median(lam)) if rows.size else _NAN,
        r2_median=float(np.median(r2)) if rows.size else _NAN,
    )
