"""Slices of a model with their counts, held in little memory."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.histogram import MagnitudeHistogram
from weightgauge.scanning.packed_histogram import PackedHistogram, pack, unpack
from weightgauge.slice_fit import SliceFit, table_order

if TYPE_CHECKING:
    from weightgauge.scanning import FitOptions, Subject


class SliceKey(NamedTuple):
    """What tells a slice from all others of a model."""

    tensor: str
    part: str | None
    expert: int | None
    head: int | None


@dataclass(frozen=True, slots=True)
class KeptSlice:
    """A slice with its fit and its counts.

    Attributes
    ----------
    fit : SliceFit
        What it is, and its fit.
    packed : PackedHistogram or None
        Its counts; None for what is not counted.
    scale : float
        What the counted magnitudes are still to be multiplied with.
    """

    fit: SliceFit
    packed: PackedHistogram | None
    scale: float

    @property
    def key(self) -> SliceKey:
        """What tells it from all others."""
        return SliceKey(self.fit.tensor, self.fit.part, self.fit.expert, self.fit.head)

    def histogram(self) -> MagnitudeHistogram | None:
        """Return the counts of the slice's own values."""
        if self.packed is None:
            return None
        counts = MagnitudeHistogram(unpack(self.packed))
        if self.scale == 1.0:
            return counts
        return counts.scaled(self.scale if math.isfinite(self.scale) else math.nan)


def kept_slices(
    subject: Subject, options: FitOptions, progress: Callable[[int, int], None] | None
) -> list[KeptSlice]:
    """Measure all slices of a model and keep their counts.

    Parameters
    ----------
    subject : Subject
        The model.
    options : FitOptions
        How to fit and read.
    progress : callable or None
        As for `weightgauge.fit`.

    Returns
    -------
    list of KeptSlice
        In the order of tables.
    """
    kept = [
        KeptSlice(
            each.fit,
            None if each.histogram is None else pack(each.histogram._core),
            each.scale,
        )
        for each in subject.measure(options, histograms=True, progress=progress)
    ]
    kept.sort(key=lambda each: table_order(each.fit))
    return kept
