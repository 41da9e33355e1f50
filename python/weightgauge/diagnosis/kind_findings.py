"""What the matrices of a kind show together: outliers, tails, and k beside published models."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.diagnosis.expected import GROUPED, MERGED, SEPARATE_MHA
from weightgauge.diagnosis.kind_diagnosis import namer
from weightgauge.diagnosis.regime import TRANSMISSION
from weightgauge.findings import RULES, Finding, Place, Rule, named, readable
from weightgauge.reference import models
from weightgauge.reference.nearest import CLOSE

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.outliers import Outlier
    from weightgauge.diagnosis.shallow_ffn import ShallowFFN
    from weightgauge.distributions import Heaviness
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.reference import Neighbour

_BLOWN_UP = 300.0
"""Quotient of the largest magnitude and the 99 % quantile from which somebody should look. The
largest single weights that are known of language models have about 200."""

_STORED = {
    SEPARATE_MHA: ("MHA", "separate", "separate, ungrouped q and k"),
    GROUPED: ("GQA", "separate", "grouped-query attention"),
    MERGED: ("MHA", "merged", "q, k and v in one tensor"),
}
"""Attention and storage of the published models that a range rests on, and what to call them."""


def tail_findings(
    slices: Sequence[SliceFit],
    tails: Mapping[int, Heaviness],
    spoilt: frozenset[Place],
    rules: Mapping[str, Rule] = RULES,
) -> Iterator[Finding]:
    """Tell of matrices with weights that are far larger than the rest.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices that are judged.
    tails : mapping
        Tails by the identity of the `SliceFit`.
    spoilt : frozenset of Place
        Slices whose tails say nothing: those with a fault, or with rows far larger than others.
    rules : mapping of str to Rule
        The rules by their ids, whose thresholds decide.
    """
    rule = rules["heavy-tail"]
    for item in slices:
        found = tails.get(id(item))
        if found is None or item.kind not in MATRIX_KINDS or item.place in spoilt:
            continue
        if rule.threshold is not None and found.kurtosis > rule.threshold:
            blown_up = found.max_q99 > _BLOWN_UP and item.kind not in ("embed", "head")
            yield rule.finding(
                item.place,
                value=found.kurtosis,
                expected=3.0,
                ratio=readable(found.max_q99),
                level="warning" if blown_up else None,
            )


def outlier_findings(outliers: Sequence[Outlier], spoilt: frozenset[Place]) -> Iterator[Finding]:
    """Tell of matrices that stand out, once each, by the quantity that is farthest out."""
    told = set(spoilt)
    for each in outliers:
        if each.place not in told:
            told.add(each.place)
            yield RULES["block-outlier"].finding(
                each.place,
                value=_as_measured(each, each.value),
                expected=_as_measured(each, each.expected),
                what=_outlier_in_words(each),
                z=each.z,
            )


def _as_measured(outlier: Outlier, value: float) -> float:
    """Return k as it is, and lambda in place of its logarithm."""
    return value if outlier.quantity == "k" else math.exp(min(value, 700.0))


def _outlier_in_words(outlier: Outlier) -> str:
    if outlier.quantity == "k":
        usual = readable(outlier.expected)
        return f"k {readable(outlier.value)}, where others of its kind have {usual}"
    off = outlier.value - outlier.expected
    factor = readable(math.exp(min(abs(off), 700.0)))
    return f"{factor} times as {'large' if off > 0 else 'small'} as others of its kind (lambda)"


def shallow_finding(found: ShallowFFN | None) -> Iterator[Finding]:
    """Tell of the shape of the first gated FFNs that some Qwen models have."""
    if found is not None and found.regime == "B":
        yield RULES["shallow-ffn"].finding(found.slice.place, value=found.min_k, expected=1.0)


def published_findings(
    kinds: Sequence[KindDiagnosis],
    nearest: Sequence[Neighbour],
    rules: Mapping[str, Rule] = RULES,
) -> Iterator[Finding]:
    """Say where k lies beside published models, with the number of models that this rests on.

    Parameters
    ----------
    kinds : sequence of KindDiagnosis
        Kinds of the model.
    nearest : sequence of Neighbour
        Published models, nearest first.
    rules : mapping of str to Rule
        The rules by their ids, whose thresholds decide.
    """
    name = namer(kinds)
    far = list(_far(kinds, name, rules))
    yield from far
    told = {each.place for each in far}
    outside: dict[tuple[float, float], list[KindDiagnosis]] = {}
    for kind in kinds:
        known = Place(kind=kind.kind, tower=kind.tower) in told
        if not known and kind.expected is not None and kind.expected_verdict == "outside":
            outside.setdefault(kind.expected, []).append(kind)
    for (low, high), members in outside.items():
        found = ", ".join(f"{name(kind)} {kind.k_median:.2f}" for kind in members)
        one = members[0] if len(members) == 1 else None
        yield RULES["kind-unusual"].finding(
            Place() if one is None else Place(kind=one.kind, tower=one.tower),
            value=found if one is None else one.k_median,
            expected=f"{low} to {high}",
            what=f"{found}; {_rests_on((low, high))} {low:.2f} to {high:.2f}",
        )
    if nearest:
        first = nearest[0]
        shared = f"{first.kinds} kind{'' if first.kinds == 1 else 's'} that both have"
        error = first.distance_se
        give = "" if error is None else f" ± {error:.3f}"
        near = f"{first.id}, {first.distance:.3f}{give} in k over {shared}"
        close = first.distance < CLOSE
        yield RULES["nearest"].finding(
            value=first.distance,
            expected=CLOSE,
            what=f"the nearest published model is {near}"
            if close
            else f"no published model is close (nearest: {near})",
        )


def _far(
    kinds: Sequence[KindDiagnosis],
    name: Callable[[KindDiagnosis], str],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Tell of kinds whose k lies beyond that of every published model, and by how much."""
    rule = rules["k-far"]
    for kind in kinds:
        shapes = [
            entry.kinds[kind.kind].k for entry in models().values() if kind.kind in entry.kinds
        ]
        if not shapes or kind.regime is None or kind.start is None:
            continue
        low, high = min(shapes), max(shapes)
        if max(low - kind.k_median, kind.k_median - high) > (rule.threshold or math.inf):
            yield rule.finding(
                Place(kind=kind.kind, tower=kind.tower),
                value=kind.k_median,
                expected=f"{low:.2f} to {high:.2f}",
                what=f"{name(kind)} {kind.k_median:.2f}; all {len(shapes)} published models with "
                f"such matrices have {low:.2f} to {high:.2f}",
            )


def _rests_on(expected: tuple[float, float]) -> str:
    """Name the models whose range it is, or say how many they are."""
    if expected == TRANSMISSION:
        return f"most of the {len(models())} published models have"
    attention, storage, words = _STORED[expected]
    members = [
        entry.id
        for entry in models().values()
        if (entry.attention, entry.storage) == (attention, storage)
    ]
    return f"the {len(members)} published models with {words} ({named(members)}) have"
