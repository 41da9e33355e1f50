"""Balanced fits, which tell heavy tails from rows and columns of different scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.diagnosis.kind_diagnosis import Core
from weightgauge.distributions.anchors import init_anchor
from weightgauge.errors import NeedsWeightsError, printable

if TYPE_CHECKING:
    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import CheckpointSlices, Subject

SHORTEST_SIDE = 16
"""Rows and columns that a matrix needs; the scale of fewer elements is not known well."""


def balanced_gaussian_k(rows: int, columns: int) -> float:
    """Shape that a Gaussian matrix has after dividing rows and columns by their root mean square.

    A root mean square of m elements contains each of them, so that none is far above it: an element
    over the root mean square of its row has the distribution of an element of an orthogonal matrix
    of that size. For rows and columns together 1/m = 1/rows + 1/columns, to first order.

    Parameters
    ----------
    rows, columns : int
        Size of the matrix, both at least 3.

    Returns
    -------
    float
        1.2054 for large matrices, more for small ones: 1.2141 for 64 x 64.
    """
    return init_anchor("orthogonal", size=rows * columns / (rows + columns)).k


def with_weights(subject: Subject) -> CheckpointSlices:
    """Return a model whose weights can be read.

    Raises
    ------
    NeedsWeightsError
        If there are only saved counts.
    """
    from weightgauge.scanning import CheckpointSlices

    if isinstance(subject, CheckpointSlices):
        return subject
    name = printable(subject.file or subject.model)
    raise NeedsWeightsError(f"{name}: balanced fits need the weights, row by row")


def cores(
    subject: CheckpointSlices,
    slices: Sequence[SliceFit],
    options: FitOptions,
    progress: Callable[[int, int], None] | None,
) -> dict[SliceKey, Core]:
    """Fit all matrices of known kinds with their rows and columns brought to equal scale.

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
    dict of SliceKey to Core
        Stacks of matrices, and matrices with a side shorter than `SHORTEST_SIDE`, are left out, and
        so is what has no fit.
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
    return {
        key: Core(fit.k, fit.k_se, balanced_gaussian_k(item.shape[0], item.shape[1]))
        for (key, item), fit in zip(matrices.items(), found, strict=True)
        if math.isfinite(fit.k)
    }
