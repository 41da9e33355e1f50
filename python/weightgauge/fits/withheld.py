"""Slices whose k is not that of training: values on a grid, and pruned weights.

Of values rounded with a scale for each row or group, the slice as a whole has many different
magnitudes; what shows is that none lies between zero and the smallest step, or, of large matrices,
that each row has few magnitudes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weightgauge.anatomy.storage.code_words import is_of_two_bits
from weightgauge.anatomy.storage.stored import PRODUCT
from weightgauge.choices import TRIMS
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.fits.pieces import wholes
from weightgauge.fits.slice_numbers import SliceNumbers, numbers_of, row_length
from weightgauge.magnitudes.weibull import SPARSE_SHARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits.slice_fit import SliceFit

FEW_LEVELS = 64
"""Magnitudes of a grid: plain FP8 casts of small weights leave about 30, INT4 7 or 8. Well-scaled
FP8 has up to 126, from which k is right."""
LEAST_FOR_LEVELS = 1000

_INT8_LEVELS, _LEAST_FOR_INT8 = 256, 4096
"""Values in a float format that are INT8 or FP8 codes times one scale. So many weights that are on
no grid have hundreds of magnitudes more in BF16, which has 128 an octave."""

_NO_SMALL_K, _SURE = 1.45, 3.0
"""A uniform distribution has k = 1.375. INT4 by groups of 128 has 1.65, and 2:4 pruning 2.06. And
standard errors that k has to lie above."""

_GAP_SHARE, _GAP_WEIGHTS = 0.002, 30.0
"""Of weights that are on no grid, the smallest is about one n-th of lambda. A grid is told where
the fitted distribution has this share below it, and a flat density so many weights."""

_MOST_ROUNDED = 1 / 3
"""INT4 with a scale for each group or row rounds up to 32 % of the weights to zero. Where there are
more, they were pruned or rounded to a coarser grid: counts do not tell which."""

_FLOATS = frozenset(("F64", "F32", "BF16", "F16"))
_WITH_UNUSED_ROWS = frozenset(("embed", "head"))
_BLOCK_BYTES = 2048

SAME_SHARE = 0.001
"""Shares of zeros that are so near to each other leave windows of which k may be compared: k of
Gaussian weights differs by less than 0.0005."""

REASONS = {
    "quantised": "the weights are quantised to six bits or fewer",
    "grid": "the values lie on a grid",
    "gap": "hardly any weight is near zero, as if quantised in groups, or pruned",
    "pruned": "more than a tenth of the weights are zero, as if pruned",
    "censored": "zeros reach into the window of the fit",
}
"""Why k says nothing of the training, in words."""

CELLS = {
    "quantised": "quantised",
    "grid": "on a grid",
    "gap": "grid or pruned",
    "pruned": "pruned",
    "censored": "pruned",
}
"""The same for a cell of a table."""


class Withheld(NamedTuple):
    """Why the k of a slice says nothing of the training.

    Attributes
    ----------
    why : {"quantised", "grid", "gap", "pruned", "censored"}
        A key of `REASONS` and `CELLS`.
    value, expected : float or int, and float or None
        What was found, and what would have been in order.
    what, so : str
        What was found and what follows, in words.
    """

    why: str
    value: float | int
    expected: float | None
    what: str
    so: str


def withheld(
    slices: Sequence[SliceFit], *, zeros: str = "exclude", trim: str = "mid_80"
) -> dict[SliceKey, str]:
    """Find the slices whose k is not to be compared with that of weights that are on no grid.

    Parameters
    ----------
    slices : sequence of SliceFit
        The slices of a model.
    zeros : {"exclude", "censor"}
        What zeros were to their fits.
    trim : {"mid_80", "mid_90", "full"}
        Window of their fits.

    Returns
    -------
    dict
        For each such slice the reason, a key of `REASONS`; for a fused tensor that of its parts.
    """
    numbers = numbers_of(slices)
    rows = withheld_rows(slices, numbers, numbers.known, zeros=zeros, trim=trim)
    reasons = {slices[row].key: found.why for row, found in rows}
    parts = [key for key in reasons if key.part not in (None, PRODUCT) and key.expert is None]
    if parts:  # a matrix made of q, k and v is on a grid as far as one of them is
        fused = wholes(slices)
        for key in parts:
            if key.tensor in fused:
                reasons.setdefault(fused[key.tensor].key, reasons[key])
    return reasons


def commonest(reasons: Sequence[str]) -> str:
    """Return the reason that most of several slices have; there must be one."""
    return Counter(reasons).most_common(1)[0][0]


def zeros_of_grids(
    slices: Sequence[SliceFit], numbers: SliceNumbers, mask: NDArray[np.bool_]
) -> list[int]:
    """Return the places of those slices whose zeros are what rounding to a grid leaves."""
    found = withheld_rows(slices, numbers, mask, zeros="exclude", trim="mid_80")
    share = zero_share(numbers)
    return [
        row
        for row, each in found
        if each.why == "grid"
        or (each.why == "gap" and share[row] < _MOST_ROUNDED)
        or (each.why == "quantised" and not _pruned_as_well(slices[row], float(share[row])))
    ]


def zero_share(numbers: SliceNumbers) -> NDArray[np.float64]:
    """Return the share of zeros outside of rows and columns that are zero as a whole."""
    scattered = numbers.zeros - numbers.zeros_in_lines()
    return np.asarray(scattered / np.maximum(numbers.n + scattered, 1))


def withheld_rows(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    mask: NDArray[np.bool_],
    *,
    zeros: str,
    trim: str,
) -> Iterator[tuple[int, Withheld]]:
    """Yield the place and the reason of each such slice among those that `mask` has."""
    few = (numbers.levels > 0) & (numbers.levels <= FEW_LEVELS) & (numbers.n >= LEAST_FOR_LEVELS)
    some = (numbers.levels > FEW_LEVELS) & (numbers.levels <= _INT8_LEVELS)
    some &= numbers.n >= _LEAST_FOR_INT8
    share = zero_share(numbers)
    fitted = numbers.columns.fitted
    gap = _none_near_zero(numbers)
    if zeros == "censor":  # all zeros have ranks, those of whole rows too
        ranked = numbers.zeros / np.maximum(numbers.n + numbers.zeros, 1)
        others = fitted & (ranked > TRIMS[trim].low)
    else:
        others = fitted & ((share > SPARSE_SHARE) | gap)
    by_row = fitted & (numbers.row_levels > 0)
    coarse = (fitted | few) & numbers.columns.coarse
    for row in np.flatnonzero(mask & (coarse | few | some | others | by_row)).tolist():
        item = slices[row]
        rounded = item.dtype in _FLOATS and not item.decoded
        if coarse[row]:
            yield row, _quantised(item, float(share[row]))
        elif few[row] or (some[row] and rounded):
            yield row, _on_grid(item)
        elif by_row[row] and rounded and not others[row]:
            yield row, _on_grid_by_row(item)
        elif others[row]:
            scattered, near_zero = float(share[row]), bool(gap[row])
            found = (
                _censored(item)
                if zeros == "censor"
                else _gap_or_pruned(item, scattered, gap=near_zero)
            )
            if found is not None:
                yield row, found


def _none_near_zero(numbers: SliceNumbers) -> NDArray[np.bool_]:
    columns = numbers.columns
    with np.errstate(all="ignore"):  # slices without a fit have NaN
        relative = numbers.lowest / columns.lam
        below = -np.expm1(-(relative**columns.k))
        gap = (below > _GAP_SHARE) & (numbers.n * relative > _GAP_WEIGHTS)
        even = columns.k - _SURE * numbers.k_se > _NO_SMALL_K
    return np.asarray(gap | even)


def _quantised(item: SliceFit, share: float) -> Withheld:
    pruned = _pruned_as_well(item, share)
    zero = f", and {share:.1%} are zero, as if pruned as well" if pruned else ""
    return Withheld(
        "quantised",
        share,
        None,
        f"the weights are quantised: {item.decoded}{zero}",
        "k is that of their grid and says little of the training",
    )


def _pruned_as_well(item: SliceFit, share: float) -> bool:
    """Whether integers with scales of groups or rows have more zeros than rounding leaves.

    Of those of two bits, and of those with one scale for all, any share is usual.
    """
    any_share = is_of_two_bits(item.decoded) or 0 < (item.levels or 0) <= FEW_LEVELS
    return share >= _MOST_ROUNDED and not any_share


def _on_grid(item: SliceFit) -> Withheld:
    levels = item.levels or 0
    return Withheld(
        "grid",
        levels,
        None,
        f"the weights lie on a grid of {levels} magnitude{'' if levels == 1 else 's'}",
        "k is that of the grid and says nothing of the training",
    )


def _on_grid_by_row(item: SliceFit) -> Withheld:
    return Withheld(
        "grid",
        item.row_levels or 0,
        None,
        f"the weights of each row lie on a grid of its own ({item.row_levels} magnitudes among 64 "
        "weights)",
        "k is that of the grid and says little of the training",
    )


def _gap_or_pruned(item: SliceFit, share: float, *, gap: bool) -> Withheld | None:
    if item.kind == "embed":
        return None  # rows of zeros and of one size are no grid
    if gap:
        return _near_zero(item, share)
    if item.kind in _WITH_UNUSED_ROWS or _mostly_in_blocks(item):
        return None
    return Withheld(
        "pruned",
        share,
        0.0,
        f"{share:.1%} of the weights are zero, as if pruned",
        "k is that of the others and says nothing of the training",
    )


def _mostly_in_blocks(item: SliceFit) -> bool:
    """Whether half of the zeros outside of zero rows, or more, fill blocks of the file."""
    in_blocks = item.zero_blocks * (_BLOCK_BYTES // ITEM_BYTES.get(item.dtype, 1))
    in_rows = (item.zero_rows or 0) * row_length(item.shape, item.kind)
    return 2 * (in_blocks - in_rows) >= item.zeros - in_rows


def _near_zero(item: SliceFit, share: float) -> Withheld:
    even = item.k > _NO_SMALL_K
    lacking = (
        f"hardly any weight is near zero (k {item.k:.2f}; a uniform distribution has 1.38)"
        if even
        else f"no weight lies between zero and {item.lowest:.2g}"
    )
    zero = f" and {share:.1%} are zero" if share > 0 else ""
    return Withheld(
        "gap",
        item.k if even else item.lowest,
        _NO_SMALL_K if even else None,
        f"{lacking}{zero}, as if quantised in groups, or pruned",
        "k is that of the grid and says nothing of the training",
    )


def _censored(item: SliceFit) -> Withheld:
    share = item.zeros / (item.n + item.zeros)
    return Withheld(
        "censored",
        share,
        0.0,
        f"{share:.1%} of the weights are zero and rank below the others",
        "k is that of the larger ones, and compares only with weights of which as many are zero",
    )
