"""Exact quantiles of the magnitudes of an array."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from weightgauge.magnitudes.arrays import array_view
from weightgauge.magnitudes.options import FitOptions


def checked_probabilities(p: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities as float64; ValueError if one is outside [0, 1] or NaN."""
    values = np.asarray(p, dtype=np.float64)
    outside = ~((values >= 0) & (values <= 1))
    if np.any(outside):
        raise ValueError(f"probabilities must lie in [0, 1]; got {values[outside].flat[0]}")
    return values


def quantiles(array: object, p: ArrayLike, *, threads: int | None = None) -> NDArray[np.float64]:
    """Return quantiles of the finite non-zero magnitudes of an array, exact to the last bit.

    The quantile at p is the ceil(n p)-th smallest magnitude: NumPy's method ``inverted_cdf``. It is
    always a magnitude that occurs. 16-bit and smaller formats are counted; F32 and F64 are selected
    by their leading bits, and only magnitudes near the wanted ranks are looked at twice.

    Parameters
    ----------
    array : array_like of float
        As for `fit_weibull`.
    p : array_like of float
        Probabilities in [0, 1].
    threads : int, optional
        At most this many threads.

    Returns
    -------
    ndarray of float64
        Shape of `p`; exact values of the array's format. NaN if no element is finite and non-zero.

    Raises
    ------
    UnsupportedDtypeError
        The array does not hold floating-point numbers.
    ValueError
        A probability is outside [0, 1].

    Examples
    --------
    >>> import weightgauge as wg
    >>> wg.quantiles([0.5, -2.0, 1.0, 4.0], [0.25, 0.5, 1.0])
    array([0.5, 1. , 4. ])
    """
    from weightgauge import _core

    values = checked_probabilities(p)
    view = array_view(array)
    if values.size == 0:
        return np.empty(values.shape)
    options = FitOptions(threads=threads).to_core(fit=False, probabilities=values.ravel().tolist())
    results = _core.scan_array(view, progress=None, options=options)
    return np.asarray(results.quantiles(0), dtype=np.float64).reshape(values.shape)
