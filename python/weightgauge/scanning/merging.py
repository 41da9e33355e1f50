"""Counts of one model that several processes made, added."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from math import prod

from weightgauge.errors import LiveModelError, printable
from weightgauge.fits.slice_fit import refitted
from weightgauge.magnitudes.options import FitOptions
from weightgauge.magnitudes.weibull import fit_of_histogram
from weightgauge.scanning.model_histograms import ModelHistograms
from weightgauge.scanning.packed_histogram import pack, unpack
from weightgauge.scanning.saved_model import SavedSlice
from weightgauge.scanning.sharded import empty_histogram

# F32 and F64 of more elements are counted in bins, which leave out so many bits of a magnitude.
_COUNTED_SINGLY = 1 << 17
_DROPPED_BITS = {"F32": 10, "F64": 39}


def added(parts: Sequence[ModelHistograms]) -> ModelHistograms:
    """Add the counts that processes made of their parts of a model.

    Parameters
    ----------
    parts : sequence of ModelHistograms
        One for each process, at least one; no element is counted in two of them.

    Returns
    -------
    ModelHistograms
        With the fits of whole tensors, the same to the last bit as if one process had counted them.
        Digests and blocks of zeros belong to bytes side by side: they are there only where each
        process has all of the model. Only where a large F32 or F64 tensor needs more than its bins,
        since its magnitudes lie very close together, there is no fit.

    Raises
    ------
    LiveModelError
        The processes have different tensors.
    """
    first = parts[0]
    keys = [each.fit.key for each in first.slices]
    for rank, part in enumerate(parts):
        if [each.fit.key for each in part.slices] != keys:
            others = {each.fit.tensor for each in part.slices} ^ {key.tensor for key in keys}
            named = f", such as '{printable(min(others))}'" if others else ""
            raise LiveModelError(
                f"processes 0 and {rank} have different tensors{named}; only tensors that are "
                "sharded or replicated can be added"
            )
    options = FitOptions(threads=1)
    columns = zip(*(part.slices for part in parts), strict=True)
    return replace(first, slices=tuple(_added(members, options) for members in columns))


def _added(members: Sequence[SavedSlice], options: FitOptions) -> SavedSlice:
    first = members[0]
    counted = [unpack(each.packed) for each in members if each.packed is not None]
    if not counted:
        return first
    total = counted[0]
    for each in counted[1:]:
        total = total.merge(each)
    if prod(first.fit.shape) > _COUNTED_SINGLY and total.dtype in _DROPPED_BITS:
        total = total.merge(empty_histogram(total.dtype, _DROPPED_BITS[total.dtype]))
    found = fit_of_histogram(total, options, scale=first.scale)
    fit = replace(
        refitted(first.fit, found, missing=first.missing, note=first.note),
        negatives=sum(each.fit.negatives for each in members),
        levels=total.levels if total.dropped_bits == 0 else None,
        at_max=total.at_max,
        second=total.second * first.scale,
        lowest=total.lowest * first.scale,
    )
    return first._replace(fit=fit, packed=pack(total))
