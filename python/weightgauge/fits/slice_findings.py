"""What the counts of single slices show: NaN, zeros, one value, random bytes, a grid."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.findings import RULES, Finding, Rule
from weightgauge.findings.readable import readable
from weightgauge.fits.code_findings import off_centre_findings, scale_findings, scale_rows
from weightgauge.fits.name_hints import ONE_SIGN_KINDS, masks_among, may_be_constant, may_be_zero
from weightgauge.fits.pieces import whole_rows
from weightgauge.fits.sibling_findings import lost_scales, zero_shares
from weightgauge.fits.slice_numbers import SliceNumbers, numbers_of
from weightgauge.fits.tensor_findings import large_line_findings, tensor_findings, tied_finding
from weightgauge.fits.withheld import FEW_LEVELS, LEAST_FOR_LEVELS, withheld_rows
from weightgauge.magnitudes.options import FitOptions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit

_LARGEST = {
    "F64": 1.8e308,
    "F32": 3.4e38,
    "BF16": 3.4e38,
    "F16": 65504.0,
    "F8_E5M2": 57344.0,
    "F8_E5M2FNUZ": 57344.0,
}
"""Largest finite magnitudes of the formats whose exponents span far more than weights do."""

_NEAR_LARGEST = 1e-3

_SPREAD_K = 0.3
"""Random bytes have k of at most 0.21 (F16) and 0.03 (BF16, F32). The heaviest published kind of a
trained model has 0.68."""

_NARROW_K, _OF_BF16 = 4.0, (0.3, 4.0)
"""BF16 weights of standard deviations from 0.0001 to 4 that are read as F16 have k of 8 to 12, and
lambda of 0.6 to 2.2: the bits in which their exponents differ become part of a fraction."""

_NO_WEIGHT, _FAR_BEYOND = 128.0, 256.0
"""No weight of a trained matrix is so large and so far from the next one."""

_FAR_ALONE, _FAR_FROM_LAMBDA = 128.0, 1024.0
"""A single weight that is so far from the next one, and from lambda, is none of a heavy tail: with
three degrees of freedom of Student's t the first happens once in two million matrices."""

_ON_PURPOSE = 8
"""So many weights of one magnitude were not made by flipped bits: the ones of an identity."""

_NO_NUMBER = 1e6
"""Nor does a bias or a norm have a number as large as this."""

_MAY_BE_MASKS = frozenset(("bias", "other"))

_FLOATS = frozenset(("F64", "F32", "BF16", "F16"))

_SPOILT = frozenset(
    ("non-finite", "flipped-bit", "garbled", "scale-lost", "constant", "grid", "quantised")
)
"""Rules that explain a poor fit."""


def slice_findings(
    slices: Sequence[SliceFit],
    rules: Mapping[str, Rule] = RULES,
    *,
    tied: bool | None = None,
    options: FitOptions | None = None,
) -> list[Finding]:
    """Ask everything that the counts of the slices of one model can tell.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of the model.
    rules : mapping of str to Rule
        The rules by their ids, whose thresholds decide.
    tied : bool or None
        Whether the configuration ties the output head to the embedding.
    options : FitOptions, optional
        How the fits were made, if not as is usual.

    Returns
    -------
    list of Finding
        Of a tensor that is given whole and in pieces, only the pieces are judged.
    """
    numbers = numbers_of(slices)
    rows = ~_masks(numbers)
    rows[list(whole_rows(numbers.columns).values())] = False
    scales = scale_rows(slices, numbers)
    rows[scales] = False
    found = [
        *scale_findings(slices, numbers, scales),
        *_asked(slices, numbers, rows, rules, tied, options or FitOptions(threads=1)),
        *tied_finding(slices, tied),
    ]
    spoilt = {each.place for each in found if each.id in _SPOILT}
    found += large_line_findings(slices, numbers, rows, spoilt)
    poor = rows & numbers.known & numbers.columns.fitted
    poor &= numbers.columns.r2 < (rules["poor-fit"].threshold or math.nan)
    for item in _at(slices, poor):
        place = item.place
        if place not in spoilt:
            found.append(
                rules["poor-fit"].finding(
                    place, value=item.r2, expected=rules["poor-fit"].threshold
                )
            )
    return found


def _masks(numbers: SliceNumbers) -> NDArray[np.bool_]:
    columns = numbers.columns
    found = columns.of(*_MAY_BE_MASKS)
    rows = np.flatnonzero(found)
    names = columns.values("tensor", rows)
    found[rows] = masks_among(names, columns.ranks[rows].tolist())
    return found


def _at(slices: Sequence[SliceFit], mask: NDArray[np.bool_]) -> Iterator[SliceFit]:
    return (slices[int(row)] for row in np.flatnonzero(mask))


def _asked(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    rows: NDArray[np.bool_],
    rules: Mapping[str, Rule],
    tied: bool | None,
    options: FitOptions,
) -> Iterator[Finding]:
    yield from _non_finite(slices, rows & (numbers.nonfinite > 0))
    several = numbers.elements > 1
    yield from _all_zero(slices, numbers, rows & several & (numbers.zeros == numbers.elements))
    single = (numbers.zeros == 0) & (numbers.nonfinite == 0) & several & numbers.matrix
    same = np.abs(numbers.rms - numbers.max) <= 1e-12 * numbers.max
    yield from _constant(slices, rows & single & same)
    garbled = _garbled_rows(slices, rows & numbers.matrix & (numbers.columns.k < _SPREAD_K))
    for row in garbled:
        item = slices[row]
        what = (
            f"the magnitudes spread over the whole range of {item.dtype} (up to "
            f"{readable(item.max)}), as random bytes do"
        )
        yield RULES["garbled"].finding(item.place, value=item.max, what=what)
    other_format = rows & numbers.known & ~numbers.of(*ONE_SIGN_KINDS)
    other_format &= (numbers.columns.k > _NARROW_K) & (numbers.n >= LEAST_FOR_LEVELS)
    for row in _other_format(slices, other_format):
        item = slices[row]
        garbled.append(row)
        what = (
            f"the magnitudes are all near {readable(item.lam)} (k {readable(item.k)}), as those of "
            "BF16 weights are that are read as F16"
        )
        yield RULES["garbled"].finding(item.place, value=item.k, what=what)
    rows = rows.copy()
    rows[garbled] = False  # what else such bytes show is no news
    yield from _grids(slices, numbers, rows & numbers.known & ~(single & same), options)
    vectors = numbers.of("norm", "bias")
    yield from _flipped(slices, numbers, rows & (numbers.matrix | vectors), rules)
    yield from _clipped(slices, numbers, rows & numbers.known, rules)
    yield from _one_sign(slices, numbers, rows & numbers.known & ~(single & same))
    yield from off_centre_findings(slices, numbers, rows, rules)
    yield from tensor_findings(slices, numbers, tied=tied)
    yield from zero_shares(slices, numbers, rows, rules)
    yield from lost_scales(slices, numbers, rows, rules)


def _non_finite(slices: Sequence[SliceFit], mask: NDArray[np.bool_]) -> Iterator[Finding]:
    for item in _at(slices, mask):
        yield RULES["non-finite"].finding(
            item.place,
            value=item.nonfinite,
            expected=0,
            elements=item.n + item.zeros + item.nonfinite,
        )


def _all_zero(
    slices: Sequence[SliceFit], numbers: SliceNumbers, mask: NDArray[np.bool_]
) -> Iterator[Finding]:
    norms = numbers.of("norm")
    # Some models store norms as differences from one, which all start at zero.
    meant_norms = 2 * int((mask & norms).sum()) >= int(norms.sum())
    for item in _at(slices, mask):
        if item.is_product:
            continue  # its second factor is told of
        if item.kind == "lora_b":
            yield RULES["untrained-adapter"].finding(item.place, value=item.zeros)
            continue
        if item.kind == "norm":
            meant = meant_norms
        else:
            unsure = item.kind in ("bias", "other", "embed")
            meant = len(item.shape) < 2 or (unsure and may_be_zero(item.tensor, item.shape))
        rule = RULES["zero-by-design" if meant else "all-zero"]
        yield rule.finding(item.place, value=item.zeros)


def _constant(slices: Sequence[SliceFit], mask: NDArray[np.bool_]) -> Iterator[Finding]:
    for item in _at(slices, mask):
        level = "note" if may_be_constant(item.tensor) else None
        yield RULES["constant"].finding(item.place, value=item.max, elements=item.n, level=level)


def _grids(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    mask: NDArray[np.bool_],
    options: FitOptions,
) -> Iterator[Finding]:
    """Tell of values whose k says nothing of the training."""
    for row, found in withheld_rows(slices, numbers, mask, zeros=options.zeros, trim=options.trim):
        yield RULES["quantised" if found.why == "quantised" else "grid"].finding(
            slices[row].place,
            value=found.value,
            expected=found.expected,
            what=found.what,
            so=found.so,
        )


def _flipped(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    mask: NDArray[np.bool_],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Tell of weights that are far beyond all others, or beyond those of any trained model."""
    rule = rules["flipped-bit"]
    with np.errstate(over="ignore"):  # the ratio of the extremes of F64 is infinite
        ratio = numbers.max / np.maximum(numbers.second, np.finfo(np.float64).tiny)
    apart = ratio > (rule.threshold or math.inf)
    apart |= (numbers.max > _NO_WEIGHT) & (ratio > _FAR_BEYOND)
    alone = numbers.max > _FAR_FROM_LAMBDA * numbers.columns.lam
    apart |= numbers.known & alone & (ratio > _FAR_ALONE)
    apart &= (numbers.n > 1) & (numbers.at_max < _ON_PURPOSE)
    several = numbers.known & (numbers.far_out > 1) & (numbers.max > _NO_WEIGHT)
    huge = (numbers.known | numbers.of("norm", "bias")) & (numbers.max > _NO_NUMBER)
    for row in np.flatnonzero(mask & (apart | several | huge)).tolist():
        item = slices[row]
        if item.kind == "bias" and item.block is None:
            continue  # that of a head may be huge on purpose, for tokens that do not exist
        if several[row]:
            usual = item.lam
            beside = (
                f"{item.far_out:,} weights are far beyond all others "
                f"(lambda, the scale of most, is {readable(usual)})"
            )
        elif apart[row]:
            usual = item.second
            beside = f"the next one is {readable(usual)}"
        else:
            usual = _NO_NUMBER
            beside = "no trained model has such a weight"
        yield rule.finding(item.place, value=item.max, expected=usual, beside=beside)


def _one_sign(
    slices: Sequence[SliceFit], numbers: SliceNumbers, mask: NDArray[np.bool_]
) -> Iterator[Finding]:
    """Tell of matrices all of whose weights have the same sign."""
    one = (numbers.negatives == 0) | (numbers.negatives == numbers.n)
    asked = mask & one & (numbers.n >= LEAST_FOR_LEVELS)
    if not (asked.any() and _signs_are_known(slices, numbers)):
        return
    for item in _at(slices, asked):
        projects = item.kind == "ssm" and "proj" in item.tensor  # and is neither log nor decay
        if (projects or item.kind not in ONE_SIGN_KINDS) and not item.is_product:
            yield RULES["one-sign"].finding(item.place, value=item.negatives, elements=item.n)


def _signs_are_known(slices: Sequence[SliceFit], numbers: SliceNumbers) -> bool:
    """Whether the signs of a model were counted: some files of histograms were made without."""
    return bool(numbers.negatives.any()) or any(item.digest is not None for item in slices)


def _clipped(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    mask: NDArray[np.bool_],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Tell of matrices many of whose weights are of the largest magnitude."""
    rule = rules["clipped"]
    share = numbers.at_max / np.maximum(numbers.n, 1)
    varied = (numbers.levels == 0) | (numbers.levels > FEW_LEVELS)
    enough = varied & (numbers.n >= LEAST_FOR_LEVELS) & (share > (rule.threshold or math.inf))
    for item in _at(slices, mask & enough):
        if item.dtype in _FLOATS and not item.decoded and item.kind != "embed":
            yield rule.finding(
                item.place, value=item.at_max / item.n, expected=0.0, largest=item.max
            )


def _garbled_rows(slices: Sequence[SliceFit], mask: NDArray[np.bool_]) -> list[int]:
    """Return the slices whose magnitudes spread over all of their format, as random bytes do."""
    found = []
    for row in np.flatnonzero(mask).tolist():
        item = slices[row]
        if item.max > _NEAR_LARGEST * _LARGEST.get(item.dtype, math.inf) and not item.decoded:
            found.append(row)
    return found


def _other_format(slices: Sequence[SliceFit], mask: NDArray[np.bool_]) -> Iterator[int]:
    """Yield the slices that are BF16 weights under the name of F16."""
    low, high = _OF_BF16
    for row in np.flatnonzero(mask).tolist():
        item = slices[row]
        several = item.levels is None or item.levels > FEW_LEVELS
        if item.dtype == "F16" and several and not item.decoded and low < item.lam < high:
            yield row
