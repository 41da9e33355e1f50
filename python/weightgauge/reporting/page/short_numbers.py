"""Numbers as a page carries them: short, and without what JSON does not know."""

from __future__ import annotations

import base64
import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

_MISSING = 65535
"""The code of a number that is missing."""


def rounded(value: float | None, digits: int = 6) -> float | None:
    """Return a number to so many digits; None for what is missing, infinite or NaN.

    Examples
    --------
    >>> rounded(1.23456789, 4), rounded(float("nan"))
    (1.235, None)
    """
    if value is None or not math.isfinite(value):
        return None
    return float(f"{value:.{digits}g}")


def rounded_all(values: Iterable[float | None], digits: int = 6) -> list[float | None]:
    """Return many numbers as `rounded` does."""
    return [rounded(value, digits) for value in values]


def packed(values: Sequence[float]) -> list[Any]:
    """Return numbers as 16-bit codes between their least and their largest, in base 64.

    What is drawn needs no more digits, and no weight can be read from it to the last bit.

    Parameters
    ----------
    values : sequence of float
        NaN and infinite ones are missing.

    Returns
    -------
    list
        The least and the largest value, and the codes as little-endian 16-bit integers; a missing
        number has the code 65535.

    Examples
    --------
    >>> packed([0.0, 1.0, float("nan")])
    [0.0, 1.0, 'AAD+////']
    """
    numbers = np.asarray(values, np.float64)
    known = np.isfinite(numbers)
    low, high = (numbers[known].min(), numbers[known].max()) if known.any() else (0.0, 0.0)
    reach = (high - low) or 1.0
    codes = np.full(numbers.size, _MISSING, "<u2")
    codes[known] = np.rint((numbers[known] - low) / reach * (_MISSING - 1)).astype("<u2")
    ends = [rounded(float(low), 9), rounded(float(high), 9)]
    return [*ends, base64.b64encode(codes.tobytes()).decode("ascii")]
