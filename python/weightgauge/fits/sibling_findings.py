"""What slices show beside others of their kind and block: too many zeros, scales that are lost."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.categorical import numbers_of
from weightgauge.findings import Finding, Rule
from weightgauge.fits.withheld import zeros_of_grids
from weightgauge.magnitudes.weibull import SPARSE_SHARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.fits.slice_numbers import SliceNumbers

_TIMES_USUAL = 4.0
"""Zeros are far above the level of a kind from this many times its median share on."""

_FEWEST_ZEROS = 4
"""Zeros that a matrix must have to be told of: of a hundred weights one is zero by chance."""

_LARGEST_SIZE, _SMALLEST_SIZE = 300.0, 1e-4
"""lambda sqrt(fan-in) of trained matrices lies well inside. A fresh matrix has 0.5 to 1.2, and 57
where each weight has variance one and is scaled when it is used; FP8 codes taken for values have
400 and more, from 128 inputs on."""

_NO_OTHERS = "there is no other of its kind to compare it with"

PARTNERS = (("gate", "up"), ("q", "k"))
"""Kinds of one block whose weights are of one size in every trained model."""

_VOCABULARY = frozenset(("embed", "head", "router", "lora_a", "lora_b"))
"""Kinds whose size says nothing: rows of an embedding are no sums, routers are small."""


def zero_shares(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    rows: NDArray[np.bool_],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Tell of matrices with more zeros than others of their kind, or more than a tenth."""
    least = rules["zero-share"].threshold or math.nan
    # Those that fill whole rows or columns are told of by themselves.
    share = (numbers.zeros - numbers.zeros_in_lines()) / np.maximum(numbers.elements, 1)
    judged = rows & numbers.matrix & (numbers.zeros < numbers.elements)
    many = judged & (share > least) & (numbers.zeros >= _FEWEST_ZEROS)
    if not many.any():
        return
    judged[zeros_of_grids(slices, numbers, many & numbers.known)] = False
    groups: dict[tuple[str | None, str], list[int]] = defaultdict(list)
    every = np.flatnonzero(judged)
    towers, kinds = (numbers.columns.values(field, every) for field in ("tower", "kind"))
    for tower, kind, row in zip(towers, kinds, every.tolist(), strict=True):
        groups[tower, kind].append(row)
    for (_, kind), members in groups.items():
        unlike = kind == "other" or len(members) < 2
        alone = unlike or kind == "embed"
        asked = many[members]
        usual_shares = medians_of_others(share[members])[asked].tolist()
        for row, usual in zip(compress(members, asked), usual_shares, strict=True):
            limit = SPARSE_SHARE if alone else max(least, _TIMES_USUAL * usual)
            if share[row] > min(limit, SPARSE_SHARE):
                beside = f"of others of its kind {usual:.1%} are"
                if share[row] <= limit:
                    beside += ": the kind as a whole is sparse"
                yield rules["zero-share"].finding(
                    slices[row].place,
                    value=float(share[row]),
                    expected=None if unlike else usual,
                    beside=_NO_OTHERS if unlike else beside,
                    level="note" if kind == "other" else None,  # such as a bank of filters
                )


def medians_of_others(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each of several numbers the median of the others; NaN for a single one."""
    count = len(values)
    if count < 2:
        return np.full(count, math.nan)
    ascending = np.sort(values)
    # Without the number of some rank, those of the higher ranks move down by one.
    rank = np.argsort(np.argsort(values, kind="stable"), kind="stable")
    middle = [(count - 2) // 2, (count - 1) // 2]
    lower, upper = (ascending[place + (rank <= place)] for place in middle)
    medians: NDArray[np.float64] = (lower + upper) / 2
    return medians


def lost_scales(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    rows: NDArray[np.bool_],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Tell of matrices that are larger or smaller than the weights of a trained model can be."""
    judged = rows & numbers.known & numbers.columns.fitted
    judged &= ~numbers.columns.products
    judged &= ~numbers.of(*_VOCABULARY)
    inputs = numbers_of(numbers.shapes, lambda shape: shape[-1] if shape else 1, np.float64)
    size = numbers.columns.lam * np.sqrt(inputs)
    beyond = judged & ~((size > _SMALLEST_SIZE) & (size < _LARGEST_SIZE))
    for row in np.flatnonzero(beyond).tolist():
        yield rules["scale-lost"].finding(
            slices[row].place,
            value=float(size[row]),
            expected=1.0,
            beside="usual (lambda times the root of the number of inputs is near 1)",
        )
    yield from _unlike_partners(slices, numbers, judged & ~beyond, rules)


def _unlike_partners(
    slices: Sequence[SliceFit],
    numbers: SliceNumbers,
    judged: NDArray[np.bool_],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Compare gate with up and q with k of the same block, which differ by less than 30 times."""
    most = rules["scale-lost"].threshold or math.nan
    lam = numbers.columns.lam
    judged = judged & numbers.of(*_PARTNER_KINDS)
    if not judged.any() or lam[judged].max() <= most * lam[judged].min():
        return
    found: dict[tuple[object, ...], dict[str, int]] = defaultdict(dict)
    for row in np.flatnonzero(judged).tolist():
        item = slices[row]
        if item.block is not None:
            found[item.tower, item.block, item.expert, item.head][item.kind] = row
    for members in found.values():
        for pair in PARTNERS:
            if not members.keys() >= set(pair):
                continue
            small, large = sorted(pair, key=lambda kind: lam[members[kind]])
            ratio = float(lam[members[large]] / lam[members[small]])
            if ratio > most:
                yield rules["scale-lost"].finding(
                    slices[members[large]].place,
                    value=ratio,
                    expected=1.0,
                    beside=f"those of {small} in the same block",
                )


_PARTNER_KINDS = frozenset(kind for pair in PARTNERS for kind in pair)
