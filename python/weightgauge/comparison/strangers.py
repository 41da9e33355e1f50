"""Matrices whose values have nothing in common with those that the base has under their names.

Bytes tell of exchanged matrices only where both models have one format. Values tell of them in any
two formats, as of a quantised model and the one that it was made of, and after a training.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.findings import RULES, Finding
from weightgauge.findings.finding import place_of, slice_name
from weightgauge.fits.columns import columns_of
from weightgauge.fits.pieces import piece_rows

if TYPE_CHECKING:
    from weightgauge.comparison.matching import Match
    from weightgauge.comparison.pair import Pair
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Measurable, SavedSlice

NOTHING_SHARED = 0.05
"""Correlation below which the values of two matrices have nothing in common."""

_MUCH_SHARED = 0.5
"""Two versions of one matrix have more in common; four bits leave 0.99, a long training 0.7."""

_FEWEST_MATRICES = 4
_FEWEST_WEIGHTS = 1024
"""Chance correlates fewer weights by two thirds of `NOTHING_SHARED`, or more."""

_MOST_TRIED, _MOST_TOGETHER, _LEAST_TRIED = 64, 1024, 4
"""Other matrices that one is held against, those of its kind in near blocks first. Where half a
model comes from elsewhere, fewer: each is read once more for every one that is held against it."""


class _Compared(NamedTuple):
    """A matrix of the model beside that of the base.

    Attributes
    ----------
    model, base : SavedSlice
        The two.
    shared : float
        The correlation of their values.
    reordered : bool
        Whether they have the same magnitudes.
    """

    model: SavedSlice
    base: SavedSlice
    shared: float
    reordered: bool


def correlation(one: float, other: float, apart: float) -> float:
    """Return the correlation of the values of two matrices; weights have means near zero.

    Parameters
    ----------
    one, other : float
        Their root mean squares.
    apart : float
        That of their difference, divided by `one`.

    Returns
    -------
    float
        NaN where it is not known.
    """
    if not (one > 0 and other > 0):
        return math.nan
    ratio = other / one
    found = (1 + ratio * ratio - apart * apart) / (2 * ratio)  # products overflow to infinity
    return found if math.isfinite(found) else math.nan


def stranger_findings(
    sides: tuple[Measurable, Measurable],
    matches: Sequence[Match],
    pairs: Sequence[Pair],
    options: FitOptions,
    *,
    base_first: bool,
    equal: int = 0,
) -> Iterator[Finding]:
    """Tell of matrices that are exchanged, or that come from somewhere else.

    Parameters
    ----------
    sides : (Measurable, Measurable)
        The two models, opened.
    matches : sequence of Match
        The slices of each pair.
    pairs : sequence of Pair
        What was found, in the same order.
    options : FitOptions
        How to read.
    base_first : bool
        Whether the first of the two is the base.
    equal : int
        How many other matrices the two have in common, byte for byte.

    Yields
    ------
    Finding
        None of models that have little in common as wholes.
    """
    compared = _compared(matches, pairs, base_first=base_first)
    shared = [*(each.shared for each in compared), *([1.0] * equal)]
    usual = median(shared) if shared else 0.0
    if len(shared) < _FEWEST_MATRICES or usual < _MUCH_SHARED:
        return
    strangers = [each for each in compared if abs(each.shared) < NOTHING_SHARED]
    if not strangers:
        return
    model, base = sides[::-1] if base_first else sides
    homes = _homes((model, base), strangers, compared, options)
    for number, each in enumerate(strangers):
        fit = each.model.fit
        if (home := homes.get(number)) is not None:
            yield RULES["exchanged"].finding(
                place_of(fit), value=home.tensor, expected=fit.tensor, other=slice_name(home)
            )
        elif not each.reordered:
            yield RULES["unlike-base"].finding(
                place_of(fit),
                value=each.shared,
                expected=usual,
                level=None if fit.block is not None else "note",
            )


def _compared(
    matches: Sequence[Match], pairs: Sequence[Pair], *, base_first: bool
) -> list[_Compared]:
    """Return the matrices whose elements were compared; of one in pieces these."""
    found = []
    for row in piece_rows(columns_of([match.a.fit for match in matches])):
        match, pair = matches[row], pairs[row]
        a, b = match.a.fit, match.b.fit
        if len(a.shape) < 2 or a.n + a.zeros < _FEWEST_WEIGHTS or pair.rows is not None:
            continue
        shared = correlation(a.rms, b.rms, pair.difference_rms)
        if not math.isnan(shared):
            both = (match.b, match.a) if base_first else (match.a, match.b)
            found.append(_Compared(*both, shared, pair.ks == 0))
    return found


def _homes(
    sides: tuple[Measurable, Measurable],
    strangers: Sequence[_Compared],
    compared: Sequence[_Compared],
    options: FitOptions,
) -> Mapping[int, SliceFit]:
    """Find out which matrices of the base strangers are, by their places among these."""
    from weightgauge.scanning import CheckpointSlices
    from weightgauge.scanning.derived import scan_differences

    model, base = sides
    if not isinstance(model, CheckpointSlices) or not isinstance(base, CheckpointSlices):
        return {}
    slices = [{item.key: item for item in side.slices} for side in (model, base)]
    most = min(_MOST_TRIED, max(_LEAST_TRIED, _MOST_TOGETHER // len(strangers)))
    tried = [
        (number, other)
        for number, each in enumerate(strangers)
        for other in _candidates(each, compared)[:most]
        if slices[0][each.model.fit.key].shape == slices[1][other.base.fit.key].shape
    ]
    wanted = [
        (slices[0][strangers[number].model.fit.key], slices[1][other.base.fit.key])
        for number, other in tried
    ]
    homes: dict[int, SliceFit] = {}
    found = scan_differences(model.checkpoint, base.checkpoint, wanted, options)
    for (number, other), difference in zip(tried, found, strict=True):
        own, home = strangers[number].model.fit, other.base.fit
        if correlation(own.rms, home.rms, difference.fit.rms / own.rms) > _MUCH_SHARED:
            homes.setdefault(number, home)
    return homes


def _candidates(stranger: _Compared, compared: Sequence[_Compared]) -> list[_Compared]:
    """Return the matrices that one is held against, the likeliest first."""
    own = stranger.model.fit

    def unlikely(other: _Compared) -> tuple[bool, bool, int]:
        fit = other.base.fit
        blocks = own.block is None or fit.block is None
        apart = 0 if blocks else abs((own.block or 0) - (fit.block or 0))
        return abs(other.shared) >= NOTHING_SHARED, own.kind != fit.kind and apart > 0, apart

    others = [
        each for each in compared if each is not stranger and each.base.fit.shape == own.shape
    ]
    return sorted(others, key=unlikely)
