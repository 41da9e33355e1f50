"""What the values of two versions of one model show, where their bytes differ."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING

from weightgauge.anatomy.slice_key import SliceKey
from weightgauge.comparison.matching import matched
from weightgauge.comparison.model_comparison import differences_of
from weightgauge.comparison.pair import Pair, pair_of
from weightgauge.comparison.pair_findings import moved
from weightgauge.comparison.strangers import NOTHING_SHARED, correlation, stranger_findings
from weightgauge.findings import Finding, Rule
from weightgauge.fits.withheld import withheld

if TYPE_CHECKING:
    from weightgauge.comparison.matching import Match
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Measurable, ModelHistograms

_FEWEST_MATRICES = 4
"""Fewer matrices say nothing of two models as a whole."""


def version_findings(
    sides: tuple[Measurable, Measurable],
    counts: tuple[ModelHistograms, ModelHistograms],
    differing: Collection[str],
    options: FitOptions,
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Tell what moved by more than chance, what was exchanged, and whether two models are related.

    Only tensors whose bytes differ are read again. Saved counts have no values to read, so that of
    them nothing is told.

    Parameters
    ----------
    sides : (Measurable, Measurable)
        The model and the one that it is compared with, opened.
    counts : (ModelHistograms, ModelHistograms)
        Their counts.
    differing : collection of str
        Names of the tensors of the model whose bytes differ or could not be compared.
    options : FitOptions
        How to fit and read.
    rules : mapping of str to Rule
        The rules with their thresholds.

    Yields
    ------
    Finding
    """
    named = [match for match in matched(counts[0].slices, counts[1].slices).pairs if match.by_name]
    matches = [match for match in named if match.a.fit.tensor in differing]
    if not matches:
        return
    equal = sum(
        match.a.fit.tensor not in differing
        and match.a.fit.shape == match.b.fit.shape
        and len(match.a.fit.shape) > 1
        for match in named
    )
    matches, pairs = _pairs(sides, counts, matches, options)
    for pair in pairs:
        yield from moved(pair, rules["moved"])
    yield from stranger_findings(sides, matches, pairs, options, base_first=False, equal=equal)
    yield from _unrelated(pairs, matches, equal, rules["unrelated"])


def _pairs(
    sides: tuple[Measurable, Measurable],
    counts: tuple[ModelHistograms, ModelHistograms],
    matches: Sequence[Match],
    options: FitOptions,
) -> tuple[list[Match], list[Pair]]:
    """Return those of the matches whose elements can be compared, and what was found."""
    differences, paired, unknown = differences_of(*sides, matches, options, True, None)
    if unknown:
        return [], []
    alone = [
        withheld([each.fit for each in side.slices], zeros=options.zeros, trim=options.trim)
        for side in counts
    ]
    compared = [
        match
        for match in matches
        if match.a.fit.key in differences and match.a.fit.shape == match.b.fit.shape
    ]
    return compared, [
        pair_of(
            match,
            differences[match.a.fit.key],
            "",
            paired=paired.get(match.a.fit.key),
            reasons=(alone[0].get(match.a.fit.key), alone[1].get(match.b.fit.key)),
        )
        for match in compared
    ]


def _unrelated(
    pairs: Sequence[Pair], matches: Sequence[Match], equal: int, rule: Rule
) -> Iterator[Finding]:
    """Tell of models whose matrices have no more in common than chance makes.

    So many others as `equal` says have the same bytes.
    """
    # Norms of all models are near one, and biases near zero.
    sizes = {
        match.a.fit.key: (match.a.fit.rms, match.b.fit.rms)
        for match in matches
        if len(match.a.fit.shape) > 1
    }
    shared = [1.0] * equal
    for pair in pairs:
        a, b = sizes.get(SliceKey(pair.tensor, pair.part, pair.expert, pair.head), (0.0, 0.0))
        found = correlation(a, b, pair.difference_rms)
        if not math.isnan(found):
            shared.append(found)
    if len(shared) >= _FEWEST_MATRICES and abs(median(shared)) < NOTHING_SHARED:
        strange = sum(abs(each) < NOTHING_SHARED for each in shared)
        what = (
            f"the two seem to be unrelated models: the values of {strange:,} of {len(shared):,} "
            f"matrices have nothing in common (median correlation {abs(median(shared)):.2f})"
        )
        yield rule.finding(value=median(shared), expected=1, what=what)
