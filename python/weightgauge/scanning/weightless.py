"""Tensors that hold no weights, as slices: scales, whose odd elements are counted, and others."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.layouts import Slices
from weightgauge.anatomy.storage import Product
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.scanning.placing import blank_numbers

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightgauge.anatomy.survey import Survey
    from weightgauge.checkpoint import TensorInfo


def without_weights(known: Survey, chosen: Sequence[TensorInfo]) -> Slices:
    """Return slices for the chosen tensors that hold no weights."""
    roles, tensors = known.storage.roles, Tensors.of(chosen)
    names = enumerate(tensors.names if roles else ())
    return _whole(known, tensors, (row for row, name in names if name in roles))


def words_of(known: Survey, slices: Slices, first: int = 0) -> dict[int, tuple[str, str]]:
    """Return status and reason of such slices, by their places from the first one on."""
    roles = known.storage.roles
    names = enumerate(slices.tensors.names, first)
    return {row: ("not_applicable", roles[name]) for row, name in names}


def scales_of(known: Survey, chosen: Sequence[TensorInfo]) -> Slices:
    """Return slices for the chosen tensors that are scales of codes."""
    sources = (stored.source for stored in known.storage.matrices.values())
    formats = {
        scales.tensor.name: scales.dtype
        for source in sources
        if not isinstance(source, Product)
        for scales in source.all_scales
    }
    tensors = Tensors.of(chosen if formats else ())
    named = enumerate(zip(tensors.names, tensors.dtypes, tensors.shapes, strict=True))
    rows = (
        row for row, (name, dtype, shape) in named if formats.get(name) == dtype and 0 not in shape
    )
    return _whole(known, tensors, rows)


def numbers_without_weights(
    slices: Slices, scales: Slices, counted: NDArray[np.void] | None
) -> NDArray[np.void]:
    """Return the numbers of slices without weights.

    Parameters
    ----------
    slices : Slices
        From `without_weights`.
    scales : Slices
        Those of them that were counted.
    counted : structured ndarray or None
        What was counted of the scales: how many are odd is all that is wanted.
    """
    numbers = blank_numbers(len(slices))
    if counted is not None and scales:
        rows = {name: row for row, name in enumerate(slices.tensors.names)}
        places = [rows[name] for name in scales.tensors.names]
        for name in ("n", "zeros", "nonfinite", "negatives"):
            numbers[name][places] = counted[name]
    return numbers


def _whole(known: Survey, tensors: Tensors, rows: Iterable[int]) -> Slices:
    """Return slices that are whole tensors, by their places."""
    found = tensors.take(list(rows))
    places = known.components.take([known.rows[name] for name in found.names])
    return Slices(found, places, found.shapes)
