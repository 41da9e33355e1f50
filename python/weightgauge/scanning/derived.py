"""Numbers made of weights on the way: differences of two slices, and balanced matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.storage.stored import ScaledCodes
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.fits.matrix_errors import errors_from
from weightgauge.magnitudes.weibull import Numbers, WeibullFit, fit_of_numbers
from weightgauge.scanning.packed_histogram import unpack
from weightgauge.scanning.plan import ScanPlan
from weightgauge.scanning.run import file_specs, read_errors_told

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.anatomy.layouts import Slice
    from weightgauge.checkpoint import Checkpoint
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning.saved_model import SavedSlice


_FEW_CHANGED = 1 / 32
"""Share of changed elements below which all of them are looked at."""

_PRECISION = 1e-8
"""No change is known better: fits of large F32 and F64 matrices are that close to exact ones."""


_PAIRS_AT_ONCE = 32
"""Pairs whose counts are unpacked together: those of large F32 matrices take megabytes each."""


class Difference(NamedTuple):
    """How two slices of the same shape differ, element by element.

    Attributes
    ----------
    changed : float
        Share of the elements whose values differ; NaN where there are none.
    fit : WeibullFit
        Of the magnitudes of the differences that are not zero.
    """

    changed: float
    fit: WeibullFit


def can_be_read(item: Slice) -> bool:
    """Whether the values of a slice can be made one by one."""
    return item.stored is not None or item.tensor.dtype in ITEM_BYTES


def scan_differences(
    a: Checkpoint,
    b: Checkpoint,
    pairs: Sequence[tuple[Slice, Slice]],
    options: FitOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[Difference]:
    """Subtract slices from each other, and fit the differences; nothing is written anywhere.

    Parameters
    ----------
    a, b : Checkpoint
        Where the two sides of the pairs are.
    pairs : sequence of (Slice, Slice)
        Slices of the same shape that `can_be_read`.
    options : FitOptions
        How to fit and read.
    progress : callable, optional
        As for `scan_slices`, in elements.

    Returns
    -------
    list of Difference
        One per pair.

    Raises
    ------
    FileChangedError, CheckpointError
        A file changed, or could not be read.
    """
    from weightgauge import _core

    plan_a, plan_b = _planned(a, b, pairs)
    total = sum(math.prod(item.shape) for item, _ in pairs)
    with read_errors_told(a, b):
        results = _core.scan_differences(
            [*file_specs(a, plan_a), *file_specs(b, plan_b)],
            plan_a.to_core(),
            plan_b.to_core(),
            io=options.io,
            progress=_told(progress, total),
            options=options.to_core(),
        )
    if progress is not None:
        progress(total, total)
    return [_difference(row.item(), options) for row in results.numbers()]


class PairedErrors(NamedTuple):
    """Standard errors of what changed between two versions of a slice.

    Attributes
    ----------
    dk_se, dln_lambda_se : float
        Of k_b - k_a and of ln(lambda_b / lambda_a); NaN where they are not known.
    errors_from : str
        What they come from.
    """

    dk_se: float
    dln_lambda_se: float
    errors_from: str


_EQUAL = PairedErrors(_PRECISION, _PRECISION, "all elements are equal")
_UNKNOWN = PairedErrors(math.nan, math.nan, "")

_ROUNDING = {"BF16": 2.0**-8, "F16": 2.0**-11, "F8_E4M3": 2.0**-4, "F8_E5M2": 2.0**-3}
"""By how much, relatively, rounding to a format changes a number at most."""


def paired_errors(
    a: Checkpoint,
    b: Checkpoint,
    pairs: Sequence[tuple[Slice, Slice]],
    counts: Sequence[tuple[SavedSlice, SavedSlice] | None],
    differences: Sequence[Difference],
    options: FitOptions,
) -> list[PairedErrors]:
    """Find the errors of differences between fits of slices that share most of their values.

    Each element moves both fits by its influences. What the difference of the fits scatters by are
    the differences of these, which are small where the two values are near each other. They are
    summed by rows and columns like those of one matrix (docs/statistics.md).

    Parameters
    ----------
    a, b : Checkpoint
        Where the two sides of the pairs are.
    pairs : sequence of (Slice, Slice)
        Slices of the same shape that `can_be_read`.
    counts : sequence of (SavedSlice, SavedSlice) or None
        The counts of each side; None where they are of more than what is compared.
    differences : sequence of Difference
        How the elements differ. Where none do, nothing is read. Where few do, or few differ by far
        more than the others, a sample would miss them: then all elements are looked at.
    options : FitOptions
        How to fit and read.

    Returns
    -------
    list of PairedErrors
        One per pair.

    Raises
    ------
    FileChangedError, CheckpointError
        A file changed, or could not be read.
    """
    from weightgauge import _core

    equal = [counts[row] is not None and each.changed == 0 for row, each in enumerate(differences)]
    found = [_EQUAL if same else _UNKNOWN for same in equal]
    asked = [
        row for row, each in enumerate(differences) if each.changed > 0 and counts[row] is not None
    ]
    for start in range(0, len(asked), _PAIRS_AT_ONCE):
        rows = asked[start : start + _PAIRS_AT_ONCE]
        chosen = [pairs[row] for row in rows]
        plan_a, plan_b = _planned(a, b, chosen)
        sides = zip(*(counts[row] or () for row in rows), strict=True)
        counts_a, counts_b = ([_unpacked(each) for each in side] for side in sides)
        with read_errors_told(a, b):
            errors = _core.paired_errors(
                [*file_specs(a, plan_a), *file_specs(b, plan_b)],
                plan_a.to_core(),
                plan_b.to_core(),
                counts_a,
                counts_b,
                [differences[row].changed < _FEW_CHANGED for row in rows],
                [differences[row].fit.rms * differences[row].fit.rms for row in rows],
                io=options.io,
                options=options.to_core(),
            )
        for row, (item, other), (dk_se, dln_lambda_se, basis) in zip(
            rows, chosen, errors.tolist(), strict=True
        ):
            least = max(_PRECISION, _shift_by_rounding(item, other))
            found[row] = PairedErrors(
                math.hypot(dk_se, least),
                math.hypot(dln_lambda_se, least),
                errors_from(basis, item.matrix, item.shape),
            )
    return found


def _shift_by_rounding(a: Slice, b: Slice) -> float:
    """Return by how much a cast from one format to another moves k of the same weights.

    Rounding errors are as often up as down, so they move k in the second order only. But they do so
    in the same direction everywhere: no error that falls with the number of weights allows for it.
    From F32 to BF16 k of Gaussian weights moves by -6.6e-6, and the square of the largest relative
    rounding error is 1.5e-5.
    """
    formats = _format_of(a), _format_of(b)
    if formats[0] == formats[1]:
        return 0.0
    return max(_ROUNDING.get(each, 0.0) for each in formats) ** 2


def _format_of(item: Slice) -> str:
    if item.stored is None:
        return item.tensor.dtype
    source = item.stored.source
    return source.codes if isinstance(source, ScaledCodes) else "F32"


def _unpacked(item: SavedSlice) -> tuple[_core.Histogram | None, float]:
    """Return the counts of a slice as the core has them, and their scale."""
    return None if item.packed is None else unpack(item.packed), item.scale


def _planned(
    a: Checkpoint, b: Checkpoint, pairs: Sequence[tuple[Slice, Slice]]
) -> tuple[ScanPlan, ScanPlan]:
    """Plan to read both sides of pairs, element by element."""
    plan_a = ScanPlan(a, scales_apart=False, in_order=True)
    for item, _ in pairs:
        plan_a.add(item.tensor, item.cut, item.stored, item.matrix)
    plan_b = ScanPlan(b, scales_apart=False, first_file=len(plan_a.files), in_order=True)
    for _, item in pairs:
        plan_b.add(item.tensor, item.cut, item.stored, item.matrix)
    return plan_a, plan_b


def scan_balanced(
    checkpoint: Checkpoint,
    matrices: Sequence[Slice],
    largest: Sequence[float],
    options: FitOptions,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> list[WeibullFit]:
    """Fit matrices whose rows and columns are brought to equal scale.

    Element (i, j) is divided by the scale of row i and that of column j. Where weights are Gaussian
    with a scale for each row and each column, that leaves Gaussian ones. The scales are root mean
    squares of magnitudes clipped at 3.7 of the scale itself, found in two sweeps from medians, so
    that a few outliers do not decide them; zeros do not count. Reads the weights three times;
    memory grows with rows and columns only.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where they are.
    matrices : sequence of Slice
        Slices of two dimensions that `can_be_read`.
    largest : sequence of float
        Largest magnitude of each, by which F64 is scaled so that no product leaves its range.
    options : FitOptions
        How to fit and read.
    progress : callable, optional
        As for `scan_slices`, in elements read.

    Returns
    -------
    list of WeibullFit
        One per matrix.

    Raises
    ------
    FileChangedError, CheckpointError
        A file changed, or could not be read.
    """
    from weightgauge import _core

    plan = ScanPlan(checkpoint, scales_apart=False, in_order=True)
    for item in matrices:
        plan.add(item.tensor, item.cut, item.stored)
    total = 3 * sum(math.prod(item.shape) for item in matrices)
    with read_errors_told(checkpoint):
        results = _core.scan_balanced(
            file_specs(checkpoint, plan),
            plan.to_core(),
            [
                (item.shape[1], math.frexp(size)[1] if item.tensor.dtype == "F64" else 0)
                for item, size in zip(matrices, largest, strict=True)
            ],
            io=options.io,
            progress=_told(progress, total),
            options=options.to_core(),
        )
    if progress is not None:
        progress(total, total)
    return [fit_of_numbers(row.item(), options) for row in results.numbers()]


def _told(progress: Callable[[int, int], None] | None, total: int) -> Callable[[int], None] | None:
    return None if progress is None else (lambda done: progress(min(done, total), total))


def _difference(numbers: Numbers, options: FitOptions) -> Difference:
    fit = fit_of_numbers(numbers, options)
    total = fit.n + fit.zeros + fit.nonfinite
    changed = (total - fit.zeros) / total if total else math.nan
    return Difference(changed, fit)
