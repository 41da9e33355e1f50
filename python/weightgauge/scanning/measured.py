"""One slice with its numbers and its counts."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.magnitudes.histogram import MagnitudeHistogram


class PiecePages(NamedTuple):
    """What a piece that fills pages of its tensor adds to the tensor's digest.

    Attributes
    ----------
    begin, nbytes : int
        Its first byte in the tensor, and its length in bytes.
    words : int
        Sum of the words of its pages.
    """

    begin: int
    nbytes: int
    words: int


class Measured(NamedTuple):
    """One slice with its numbers.

    Attributes
    ----------
    fit : SliceFit
        What it is, and its fit.
    histogram : MagnitudeHistogram or None
        Its counts, where there are any.
    scale : float
        What the histogram's magnitudes are still to be multiplied with.
    note, missing : str
        Parts of the reason that do not come from the counts: why it is not split, and why a scale
        was not applied.
    pages : PiecePages or None
        Of a piece that fills pages of its tensor.
    """

    fit: SliceFit
    histogram: MagnitudeHistogram | None
    scale: float
    note: str
    missing: str
    pages: PiecePages | None = None
