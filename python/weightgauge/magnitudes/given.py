"""Functions on magnitudes take an array, or the histogram of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.magnitudes.histogram import MagnitudeHistogram, magnitude_histogram

if TYPE_CHECKING:
    from numpy.typing import ArrayLike


def as_histogram(weights: MagnitudeHistogram | ArrayLike) -> MagnitudeHistogram:
    """Return the histogram of an array, or the histogram itself.

    Parameters
    ----------
    weights : MagnitudeHistogram or array_like of float
        A histogram, or what `weightgauge.magnitude_histogram` takes.

    Returns
    -------
    MagnitudeHistogram

    Raises
    ------
    UnsupportedDtypeError
        If the array does not hold floating-point numbers.
    """
    return weights if isinstance(weights, MagnitudeHistogram) else magnitude_histogram(weights)
