"""What is noticed when two models are compared."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from weightgauge.anatomy.storage import is_packed
from weightgauge.findings import RULES, Finding, Rule
from weightgauge.findings.readable import readable
from weightgauge.fits.slice_findings import slice_findings
from weightgauge.wording import agreeing, counted

if TYPE_CHECKING:
    from weightgauge.comparison.matching import Match
    from weightgauge.comparison.pair import Pair
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.magnitudes.options import FitOptions

_BEYOND_DOUBT = 1000.0
"""More standard errors say no more: where all weights change alike, rounding alone is left of the
error."""

_ALL_FLIPPED = 1e-7
"""Largest distance of a quotient of root mean squares from two that rounding leaves. Two elements
that changed places are farther off, among fewer than ten million."""

_ONE = 1.5
"""More elements than one: the number of those that differ comes as a share."""

_ROUNDING = 1e-14
"""Relative distance that rounding leaves between root mean squares of the same magnitudes."""


def side_findings(
    side: str, findings: Iterable[Finding], slices: Sequence[SliceFit], options: FitOptions
) -> list[Finding]:
    """Return what is wrong with one of two models by itself; notes are left out.

    Parameters
    ----------
    side : {"a", "b"}
        Which of the two.
    findings : iterable of Finding
        What headers and configuration showed.
    slices : sequence of SliceFit
        Its slices.
    options : FitOptions
        How they were fitted.
    """
    return [
        replace(each, model=side)
        for each in (*findings, *slice_findings(slices, options=options))
        if each.level != "note"
    ]


def pair_findings(
    matches: Sequence[Match], pairs: Sequence[Pair], only_a: Sequence[str], only_b: Sequence[str]
) -> Iterator[Finding]:
    """Tell of pairs that are equal, that differ in order or signs alone, or in form.

    Parameters
    ----------
    matches : sequence of Match
        The slices of each pair.
    pairs : sequence of Pair
        What was found, in the same order.
    only_a, only_b : sequence of str
        Tensors without a counterpart.
    """
    compared = [pair for pair in pairs if pair.changed == pair.changed]
    if compared and not any(pair.changed for pair in compared) and _the_rest_is_equal(pairs):
        tensors = len({pair.tensor for pair in compared})
        every = "the one tensor" if tensors == 1 else f"all {tensors:,} tensors"
        have = agreeing(tensors, "has", "have")
        if only_a or only_b or any(pair.rows for pair in pairs):
            what = f"all values that both have are equal, in {counted(tensors, 'tensor')}"
        elif len(compared) < len(pairs):
            were = agreeing(tensors, "was", "were")
            what = f"IDENTICAL: {every} that {were} compared {have} equal values"
        else:
            what = f"IDENTICAL: {every} {have} equal values"
        yield RULES["identical"].finding(value=tensors, what=what)
    for match, pair in zip(matches, pairs, strict=True):
        yield from _about_pair(match, pair)


def _the_rest_is_equal(pairs: Sequence[Pair]) -> bool:
    """Whether those pairs whose elements were not compared hold no weights, so that none differ."""
    return all(
        pair.changed == pair.changed or (pair.k_a != pair.k_a and pair.k_b != pair.k_b)
        for pair in pairs
    )


def moved(pair: Pair, rule: Rule) -> Iterator[Finding]:
    """Tell of a shape or scale that differs by more than its paired error explains.

    Parameters
    ----------
    pair : Pair
        Two slices whose elements were compared.
    rule : Rule
        The rule `moved`, with its threshold in standard errors.
    """
    if not pair.errors_from.startswith("paired"):
        return
    least = rule.threshold or math.inf
    beyond = {
        name: abs(z) for name, z in (("k", pair.z), ("lambda", pair.dln_lambda_z)) if abs(z) > least
    }
    if beyond:
        most = max(beyond.values())
        by = " by up to" if len(beyond) > 1 else " by"
        by = " by more than" if most > _BEYOND_DOUBT else by
        what = f"{' and '.join(beyond)} moved{by} {readable(min(most, _BEYOND_DOUBT))}"
        yield rule.finding(pair.place, value=min(most, _BEYOND_DOUBT), expected=least, what=what)


def _about_pair(match: Match, pair: Pair) -> Iterator[Finding]:
    a, b = match.a.fit, match.b.fit
    if a.dtype != b.dtype:
        before, after = (each.decoded if is_packed(each.decoded) else each.dtype for each in (a, b))
        yield RULES["dtype-differs"].finding(pair.place, value=after, expected=before)
    if match.by_name and a.shape != b.shape:
        yield RULES["shape-differs"].finding(
            pair.place, value=str(list(b.shape)), expected=str(list(a.shape)), level="note"
        )
    yield from moved(pair, RULES["moved"])
    if pair.ks == 0 and (a.n, a.zeros) == (b.n, b.zeros) and a.n > 1:
        yield from _same_magnitudes(match, pair)


def _may_be_reordered(match: Match, pair: Pair) -> bool:
    """Whether elements that differ may have changed places.

    Counts in bins do not show that few elements moved within theirs. An order needs two of them to
    change, and leaves their squares as they are, but for rounding.
    """
    a, b = match.a.fit, match.b.fit
    return pair.changed * a.n > _ONE and math.isclose(a.rms, b.rms, rel_tol=_ROUNDING)


def _same_magnitudes(match: Match, pair: Pair) -> Iterator[Finding]:
    """Tell of two slices with the same magnitudes, of which order or signs differ.

    The elements of b - a have at most twice the root mean square of a, and have it only where each
    element is the other's negative (the inequality of Cauchy and Schwarz).
    """
    a, b = match.a.fit, match.b.fit
    turned = a.shape != b.shape and a.shape == b.shape[::-1]
    if abs(pair.difference_rms - 2) < _ALL_FLIPPED:
        what = "all signs are flipped; the magnitudes and their order are the same"
        yield RULES["signs-differ"].finding(pair.place, value=a.n, expected=0, what=what)
    elif a.negatives != b.negatives:
        flipped = a.negatives + b.negatives == a.n
        what = (
            f"the same magnitudes, but {counted(b.negatives, 'negative weight')} instead of "
            f"{a.negatives:,}{', as if all signs were flipped' if flipped else ''}"
        )
        yield RULES["signs-differ"].finding(
            pair.place, value=b.negatives, expected=a.negatives, what=what
        )
    elif turned or _may_be_reordered(match, pair):
        yield RULES["reordered"].finding(
            pair.place,
            value=None if turned else pair.changed,
            expected=0,
            how="transposed" if turned else "rows permuted, or transposed",
        )
