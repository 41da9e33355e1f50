"""What is kept of a model: for each slice its fit and its counts, and what there is beside."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from weightgauge.anatomy.architecture import Architecture
from weightgauge.findings import Finding
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.magnitudes.histogram import MagnitudeHistogram
from weightgauge.records import Table
from weightgauge.scanning.packed_histogram import PackedHistogram, unpack


class SavedSlice(NamedTuple):
    """One slice without its weights.

    Attributes
    ----------
    fit : SliceFit
        What it is, and its fit with the standard options.
    note, missing : str
        As in `weightgauge.scanning.Measured`.
    packed : PackedHistogram or None
        Its counts; None for what is not counted.
    scale : float
        What the histogram's magnitudes are still to be multiplied with.
    """

    fit: SliceFit
    note: str
    missing: str
    packed: PackedHistogram | None
    scale: float

    def histogram(self) -> MagnitudeHistogram | None:
        """Return the counts of the slice's own values."""
        if self.packed is None:
            return None
        counts = MagnitudeHistogram(unpack(self.packed))
        return counts if self.scale == 1.0 else counts.scaled(self.scale)


@dataclass(frozen=True, repr=False)
class SavedModel:
    """The slices of a model without its weights, as a file holds them.

    Attributes
    ----------
    model : str
        What was scanned.
    per : {"tensor", "head", "expert"}
        What one slice is.
    slices : tuple of SavedSlice
        In the order in which they were stored.
    tensors : tuple of dict
        What `weightgauge ls` tells of each tensor.
    files : int
        How many files the weights lie in.
    architecture : Architecture
        Heads, experts and other facts about each tower.
    warnings : tuple of str
        What was odd about the tensors.
    findings : Table of Finding
        What files, headers and configuration showed.
    """

    model: str
    per: str
    slices: tuple[SavedSlice, ...]
    tensors: tuple[dict[str, Any], ...]
    files: int = 1
    architecture: Architecture = field(default_factory=Architecture)
    warnings: tuple[str, ...] = ()
    findings: Table[Finding] = field(default_factory=lambda: Table(Finding))
