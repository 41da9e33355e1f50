"""What is odd about codes that make weights: scales that are no usual ones, zero points astray."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.anatomy.storage import is_signed
from weightgauge.categorical import different
from weightgauge.findings import RULES, Finding, Rule
from weightgauge.fits.name_hints import ONE_SIGN_KINDS
from weightgauge.fits.withheld import LEAST_FOR_LEVELS

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.fits.slice_numbers import SliceNumbers

_ON_PURPOSE = 0.05
"""AutoRound makes a scale negative where the largest weight of its group is; about half are. Fewer
than these are flipped bits, and where as few are positive, so are the signs of the matrix."""
_FEWEST_OFF, _NEARLY_ALL = 8, 0.9
"""Where so many matrices, and this share of all, are off centre on one side, none is by chance."""
_NARROW = "F8_"
"""In formats of eight bits the scales of the smallest blocks round to zero."""


def scale_rows(slices: Sequence[SliceFit], numbers: SliceNumbers) -> list[int]:
    """Return the places of the scales of codes: they have no fit, but their elements were counted.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices.
    numbers : SliceNumbers
        Their numbers.
    """
    if not any(different(numbers.columns.decoded)):
        return []
    columns = numbers.columns
    counted = np.flatnonzero((numbers.elements > 0) & ~columns.fitted)
    if not len(counted):
        return []
    found: list[int] = counted[columns.beside(counted)].tolist()
    return found


def scale_findings(
    slices: Sequence[SliceFit], numbers: SliceNumbers, rows: Sequence[int]
) -> Iterator[Finding]:
    """Tell of scales that are zero, negative, or no numbers.

    Parameters
    ----------
    slices, numbers
        As for `scale_rows`.
    rows : sequence of int
        What it returned.
    """
    all_elements = numbers.elements
    odd = numbers.nonfinite + numbers.zeros + numbers.negatives > 0
    for row in rows:
        if not odd[row]:
            continue
        item = slices[row]
        elements = int(all_elements[row])
        turned = _ON_PURPOSE < item.negatives / elements < 1 - _ON_PURPOSE
        small = item.dtype.startswith(_NARROW)
        for rule, value, usual in (
            ("non-finite-scales", item.nonfinite, False),
            ("zero-scales", item.zeros, small),
            ("negative-scales", 0 if is_signed(item.reason) else item.negatives, turned),
        ):
            if value:
                yield RULES[rule].finding(
                    item.place,
                    value=value,
                    expected=0,
                    elements=elements,
                    level=_level(rule, value, elements, usual=usual),
                )


def _level(rule: str, value: int, elements: int, *, usual: bool) -> str | None:
    """Return a level other than the rule's own: no matrix works all of whose scales are zero."""
    if rule == "zero-scales" and value == elements:
        return "fault"
    return "note" if usual else None


def off_centre_findings(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    mask: NDArray[np.bool_],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Tell of integers far more of which are above their zero points than below, or the other way.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices.
    numbers : SliceNumbers
        Their numbers.
    mask : ndarray of bool
        Those that are asked about.
    rules : mapping of str to Rule
        The rules by their ids.
    """
    rule = rules["off-centre"]
    positives = numbers.n - numbers.negatives
    most = np.maximum(positives, numbers.negatives) / np.maximum(numbers.n, 1)
    asked = mask & numbers.columns.coarse & numbers.known & ~numbers.of(*ONE_SIGN_KINDS)
    asked &= numbers.n >= LEAST_FOR_LEVELS
    off = np.flatnonzero(asked & (most > (rule.threshold or math.inf)) & (most < 1))
    above = positives[off] > numbers.negatives[off]
    # Single groups may be off centre; no quantiser moves all weights of a model to one side.
    every = np.count_nonzero(asked)
    same = max(np.count_nonzero(above), np.count_nonzero(~above))
    level = "fault" if same >= max(_FEWEST_OFF, _NEARLY_ALL * every) else None
    for row, positive in zip(off.tolist(), above.tolist(), strict=True):
        sign = "positive" if positive else "negative"
        yield rule.finding(
            slices[row].place, value=float(most[row]), expected=0.5, sign=sign, level=level
        )
