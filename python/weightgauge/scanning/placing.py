"""What the core found of the slices of a plan, in the order in which they were asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.magnitudes.weibull import rescale
from weightgauge.scanning.plan import ScanPlan

if TYPE_CHECKING:
    from numpy.typing import NDArray

NOT_COUNTED = -1
"""The place of a slice that is not counted."""

_LARGEST = float(np.finfo(np.float32).max)
_LARGE = 65536.0
"""No scale of a block in E4M3 is so large, so that no product of one alone becomes infinite where
this is far enough below the largest float32, as in any sound model."""


def placed(
    found: NDArray[np.void], plan: ScanPlan, places: Sequence[int]
) -> tuple[NDArray[np.void], dict[int, float], list[int]]:
    """Bring what was found into the order of slices, with digests and scales that stood apart.

    Returns
    -------
    structured ndarray
        One row per slice, a blank one where nothing was counted.
    dict of int to float
        Scales other than 1 by row; they are applied.
    list of int
        Rows of which float32 does not hold all products with their scale.
    """
    numbers = found
    if NOT_COUNTED in places or plan.scale_of or plan.digest_of or plan.turned:
        numbers = np.append(found, blank_numbers(1))[places]
    for row, place in enumerate(places) if plan.digest_of else ():
        if (at := plan.digest_of.get(place)) is not None:
            for name in ("digest", "digested", "zero_blocks"):
                numbers[name][row] = found[name][at]
    for row, place in enumerate(places) if plan.turned else ():
        if place in plan.turned:
            for name in ("spread", "zero"):
                pair = [f"{name}_rows", f"{name}_columns"]
                numbers[pair[0]][row], numbers[pair[1]][row] = (
                    numbers[pair[1]][row],
                    numbers[pair[0]][row],
                )
    scales = _scales_of(found, plan, places, numbers)
    beyond: list[int] = []
    if scales:
        rows, by = np.array([*scales]), np.array([*scales.values()])
        with np.errstate(over="ignore"):
            held = np.fmax(numbers["max"][rows], _LARGE) * by <= _LARGEST  # false of NaN as well
        beyond = rows[~held].tolist()
        rescale(numbers, rows, by)
    return numbers, scales, beyond


def _scales_of(
    found: NDArray[np.void], plan: ScanPlan, places: Sequence[int], numbers: NDArray[np.void]
) -> dict[int, float]:
    """Return the scales other than 1 that slices have as a whole, by row.

    They are magnitudes; where a scale is negative, the weights that are so are counted here.
    """
    if not plan.scale_of:
        return {}
    place_of_scale = np.full(len(found) + 1, NOT_COUNTED)  # the last one for what is not counted
    place_of_scale[[*plan.scale_of]] = [*plan.scale_of.values()]
    at = place_of_scale[np.asarray(places)]
    rows = np.flatnonzero(at != NOT_COUNTED)
    scales = _single(found[at[rows]])
    turned = rows[found["negatives"][at[rows]] != 0]
    numbers["negatives"][turned] = numbers["n"][turned] - numbers["negatives"][turned]
    divided = np.zeros(len(found) + 1, np.bool_)
    divided[[*plan.divided]] = True
    with np.errstate(divide="ignore", over="ignore"):
        scales = np.where(divided[np.asarray(places)[rows]], 1 / scales, scales)
    others = scales != 1.0
    return dict(zip(rows[others].tolist(), scales[others].tolist(), strict=True))


def blank_numbers(size: int) -> NDArray[np.void]:
    """Return rows as `_core.ScanResults.numbers` has them, of slices that were not counted."""
    from weightgauge import _core

    blank = np.zeros(size, _core.numbers_dtype())
    for name in blank.dtype.names or ():
        if blank.dtype[name] == np.float64:
            blank[name] = np.nan
    blank["status"] = _core.fit_statuses().index("empty")
    return blank


def _single(numbers: NDArray[np.void]) -> NDArray[np.float64]:
    """Magnitudes of numbers that were counted one by one."""
    others = np.where(numbers["zeros"] != 0, 0.0, np.nan)
    return np.where(numbers["n"] == 1, numbers["max"], others)
