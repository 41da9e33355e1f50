"""Balanced fits, which tell heavy tails from rows and columns of different scale."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.components import MATRIX_KINDS
from weightgauge.diagnosis.anchors import init_anchor
from weightgauge.diagnosis.kind_diagnosis import Core
from weightgauge.errors import NeedsWeightsError, printable

if TYPE_CHECKING:
    from weightgauge.scanning import FitOptions, Subject
    from weightgauge.slice_fit import SliceFit

SHORTEST_SIDE = 16
"""Rows and columns that a matrix needs; the scale of fewer elements is not known well."""


class Key(NamedTuple):
    """What tells a slice from all others of a model."""

    tensor: str
    part: str | None
    expert: int | None
    head: int | None


def key_of(item: SliceFit) -> Key:
    """Return what tells a slice from all others."""
    return Key(item.tensor, item.part, item.expert, item.head)


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


def cores(
    subject: Subject,
    slices: Sequence[SliceFit],
    options: FitOptions,
    progress: Callable[[int, int], None] | None,
) -> dict[Key, Core]:
    """Fit all matrices of known kinds with their rows and columns brought to equal scale.

    Parameters
    ----------
    subject : Subject
        The model; its weights are needed.
    slices : sequence of SliceFit
        Its fits.
    options : FitOptions
        How to fit and read.
    progress : callable or None
        As for `weightgauge.fit`, in elements.

    Returns
    -------
    dict of Key to Core
        Stacks of matrices, and matrices with a side shorter than `SHORTEST_SIDE`, are left out, and
        so is what has no fit.

    Raises
    ------
    NeedsWeightsError
        If there are only saved counts.
    """
    from weightgauge.scanning import CheckpointSlices
    from weightgauge.scanning.derived_scan import can_be_read, scan_balanced

    if not isinstance(subject, CheckpointSlices):
        name = printable(subject.file or subject.model)
        raise NeedsWeightsError(f"{name}: balanced fits need the weights, row by row")
    largest = {key_of(item): item.max for item in slices if item.fitted}
    matrices = {}
    for item in subject.slices:
        place = item.place
        key = Key(item.tensor.name, place.part, place.expert, place.head)
        square = len(item.shape) == 2 and min(item.shape) >= SHORTEST_SIDE
        if square and place.kind in MATRIX_KINDS and key in largest and can_be_read(item):
            matrices[key] = item
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
