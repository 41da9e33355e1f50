"""Balanced fits: shapes of matrices whose rows and columns were brought to equal scale.

Rows and columns of different scale give a matrix heavy tails. A balanced fit takes that cause away,
so it shows the tails that remain.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.diagnosis.kind_diagnosis import BalancedFit
from weightgauge.distributions.anchors import init_anchor
from weightgauge.errors import NeedsWeightsError, printable

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import CheckpointSlices, Measurable

SHORTEST_SIDE = 16
"""Rows and columns that a matrix needs. The scale of fewer elements is too uncertain."""


SMALLEST_SIZE = SHORTEST_SIDE / 2
"""Size m, as in `balanced_gaussian_k`, of a matrix with both sides of that length. Where zeros
leave less, the scales of rows and columns are too uncertain as well."""


def balanced_gaussian_k(rows: int, columns: int, nonzero: float = 1.0) -> float:
    """Return the shape of a Gaussian matrix after rows and columns are divided by their scales.

    The scale of m elements is made of each of them, so no element is far above it. An element
    divided by the root mean square of its row has the distribution of an element of an orthogonal
    matrix of size m. For rows and columns together, 1/m = 1/rows + 1/columns to first order.
    Clipping changes nothing in that: it touches one of 4,600 Gaussian elements.

    Parameters
    ----------
    rows, columns : int
        Size of the matrix.
    nonzero : float
        Share of the elements that are not zero. Zeros do not count towards a scale, so m is as many
        times smaller. `nonzero` times m must be 2 or more.

    Returns
    -------
    float
        1.2054 for large matrices and more for small ones, such as 1.2141 for 64 x 64.
    """
    return init_anchor("orthogonal", size=_size(rows, columns, nonzero)).k


def _size(rows: int, columns: int, nonzero: float) -> float:
    return nonzero * rows * columns / (rows + columns)


def with_weights(subject: Measurable) -> CheckpointSlices:
    """Return the model if its weights can be read.

    Raises
    ------
    NeedsWeightsError
        If the model consists of saved counts, or of parts of tensors.
    """
    from weightgauge.scanning import CheckpointSlices

    if isinstance(subject, CheckpointSlices):
        if not subject.complete:
            raise NeedsWeightsError(
                f"{printable(subject.model)}: tensors are sharded over processes; balanced fits "
                "need whole matrices"
            )
        return subject
    name = printable(subject.file or subject.model)
    raise NeedsWeightsError(f"{name}: balanced fits need the weights, row by row")


def balanced_fits(
    subject: CheckpointSlices,
    slices: Sequence[SliceFit],
    options: FitOptions,
    progress: Callable[[int, int], None] | None,
) -> dict[SliceKey, BalancedFit]:
    """Fit all matrices of known kinds after their rows and columns are brought to equal scale.

    Parameters
    ----------
    subject : CheckpointSlices
        The model.
    slices : sequence of SliceFit
        Its fits.
    options : FitOptions
        How to fit and read.
    progress : callable or None
        As for `weightgauge.fit`, in elements.

    Returns
    -------
    dict of SliceKey to BalancedFit
        Left out are stacks of matrices, matrices with a side shorter than `SHORTEST_SIDE` or with
        so few elements that are not zero (see `SMALLEST_SIZE`), and slices without a fit, before
        balancing or after.
    """
    from weightgauge.scanning.derived import can_be_read, scan_balanced

    largest = {item.key: item.max for item in slices if item.fitted}
    matrices = {}
    for item in subject.slices:
        wide = len(item.shape) == 2 and min(item.shape) >= SHORTEST_SIDE
        if wide and item.place.kind in MATRIX_KINDS and item.key in largest and can_be_read(item):
            matrices[item.key] = item
    found = scan_balanced(
        subject.checkpoint,
        list(matrices.values()),
        [largest[key] for key in matrices],
        options,
        progress=progress,
    )
    balanced = {}
    for (key, item), fit in zip(matrices.items(), found, strict=True):
        rows, columns = item.shape
        nonzero = fit.n / (rows * columns)
        if math.isfinite(fit.k) and _size(rows, columns, nonzero) >= SMALLEST_SIZE:
            gaussian = balanced_gaussian_k(rows, columns, nonzero)
            balanced[key] = BalancedFit(fit.k, fit.k_se, gaussian)
    return balanced
