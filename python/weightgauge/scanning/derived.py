"""Numbers made of weights on the way: differences of two slices, and balanced matrices."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.dtypes import ITEM_BYTES
from weightgauge.fits.matrix_errors import errors_from
from weightgauge.magnitudes.weibull import Numbers, WeibullFit, fit_of_numbers
from weightgauge.scanning.plan import ScanPlan
from weightgauge.scanning.run import file_specs, read_errors_told

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.anatomy.layouts import Slice
    from weightgauge.checkpoint import Checkpoint
    from weightgauge.magnitudes.options import FitOptions

    Counts = tuple[_core.Histogram | None, float]


_FEW_CHANGED = 1 / 32
"""Share of changed elements below which all of them are looked at."""

_PRECISION = 1e-8
"""No change is known better: fits of large F32 and F64 matrices are that close to exact ones."""


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


def paired_errors(
    a: Checkpoint,
    b: Checkpoint,
    pairs: Sequence[tuple[Slice, Slice]],
    counts: Sequence[tuple[Counts, Counts]],
    changed: Sequence[float],
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
    counts : sequence of (Counts, Counts)
        The histogram of each side, and what its magnitudes are still to be multiplied with; None in
        place of the histogram where there is none.
    changed : sequence of float
        Share of the elements that differ. Where they are few, a sample would miss them: then all
        elements are looked at.
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

    plan_a, plan_b = _planned(a, b, pairs)
    with read_errors_told(a, b):
        found = _core.paired_errors(
            [*file_specs(a, plan_a), *file_specs(b, plan_b)],
            plan_a.to_core(),
            plan_b.to_core(),
            [each for each, _ in counts],
            [each for _, each in counts],
            [share < _FEW_CHANGED for share in changed],
            io=options.io,
            options=options.to_core(),
        )
    return [
        PairedErrors(
            max(dk_se, _PRECISION),  # NaN stays, as the first of the two
            max(dln_lambda_se, _PRECISION),
            errors_from(basis, item.matrix, item.shape),
        )
        for (dk_se, dln_lambda_se, basis), (item, _) in zip(found.tolist(), pairs, strict=True)
    ]


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
