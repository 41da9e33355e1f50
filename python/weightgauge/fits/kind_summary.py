"""The slices of one kind together."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.anatomy.components import KINDS
from weightgauge.anatomy.slice_key import SliceKey
from weightgauge.fits.columns import Columns, columns_of
from weightgauge.fits.pieces import counted_rows
from weightgauge.fits.withheld import commonest
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
    judged : int
        How many of them the medians are over: those that have numbers, less those whose k says
        nothing of the training, unless there are no others.
    withheld : str or None
        Why no k of the kind says anything of the training, a key of
        `weightgauge.fits.withheld.REASONS`; None where some do.
    k_median, k_min, k_max, lambda_median, r2_median : float
        Over the slices that are judged; NaN where none has numbers.
    """

    kind: str
    slices: int
    judged: int
    withheld: str | None
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


def summaries(
    slices: Sequence[SliceFit], reasons: Mapping[SliceKey, str] = MappingProxyType({})
) -> Table[KindSummary]:
    """Summarise every kind that occurs.

    Parameters
    ----------
    slices : sequence of SliceFit
        The slices of a model.
    reasons : mapping of SliceKey to str
        Why the k of slices says nothing of the training: see `weightgauge.fits.withheld`.

    Returns
    -------
    Table of KindSummary
        In the order of `weightgauge.anatomy.components.KINDS`.
    """
    columns = columns_of(slices)
    rows = np.array(counted_rows(columns), np.int64)
    kinds = columns.kind_numbers[rows]
    there = np.unique(kinds)  # ascending, so in the order of `KINDS`
    words = _words(columns, reasons)
    found = [_summary(KINDS[number], columns, rows[kinds == number], words) for number in there]
    return Table(KindSummary, found)


def _words(columns: Columns, reasons: Mapping[SliceKey, str]) -> Mapping[int, str]:
    """Return the reasons by the places of their slices."""
    if not reasons:
        return {}
    tensors = {key.tensor for key in reasons}
    near = [row for row, name in enumerate(columns.tensors) if name in tensors]
    keyed = {row: _key(columns, row) for row in near}
    return {row: reasons[key] for row, key in keyed.items() if key in reasons}


def _key(columns: Columns, row: int) -> SliceKey:
    place = columns.places[row]
    return SliceKey(columns.tensors[row], place.part, place.expert, place.head)


def _summary(
    kind: str, columns: Columns, members: NDArray[np.int64], words: Mapping[int, str]
) -> KindSummary:
    fitted = members[columns.fitted[members]]
    rows = fitted[~np.isin(fitted, list(words))] if words else fitted
    none = fitted.size > 0 and not rows.size
    rows = fitted if none else rows
    k = columns.k[rows]
    return KindSummary(
        kind=kind,
        slices=len(members),
        judged=len(rows),
        withheld=commonest([words[row] for row in fitted.tolist()]) if none else None,
        k_median=_median(k) if rows.size else _NAN,
        k_min=float(np.min(k)) if rows.size else _NAN,
        k_max=float(np.max(k)) if rows.size else _NAN,
        lambda_median=_median(columns.lam[rows]) if rows.size else _NAN,
        r2_median=_median(columns.r2[rows]) if rows.size else _NAN,
    )


def _median(values: NDArray[np.float64]) -> float:
    """Return what `np.median` does of one value or more, in a tenth of its time for few."""
    lower, upper = (len(values) - 1) // 2, len(values) // 2
    ordered = np.partition(values, (lower, upper, -1))
    if math.isnan(ordered[-1]):
        return _NAN
    return float((ordered[lower] + ordered[upper]) / 2 if lower < upper else ordered[upper])
