"""What k means, in sentences. Each follows from a number that the diagnosis shows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from weightgauge.diagnosis.kind_diagnosis import namer
from weightgauge.diagnosis.regime import GAUSSIAN_K, STRONG_SELECTION_K, TRANSMISSION, verdict
from weightgauge.findings.readable import decimals
from weightgauge.fits.withheld import CELLS

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.record import Diagnosis
    from weightgauge.diagnosis.training import TrainingProgress

SLIGHTLY_K = 1.10
"""Shapes from here to the Transmission Class are called slightly heavier than Gaussian."""

SPREAD_SHARE = 0.02
"""Share of the variance of ln |w| from which on rows or columns are told of: at 2 % a row's scale
varies by a sixth."""

BALANCE_MARGIN = 0.03
"""Least difference in k between balanced, unbalanced and Gaussian matrices that gets a sentence. It
must also be three standard errors, because there are many kinds."""

_SENTENCES = {
    "like Gaussian": f"Like Gaussian weights (k {TRANSMISSION[0]} to {TRANSMISSION[1]}; the "
    "paper's Transmission Class)",
    "like Gaussian, poor fit": "Like Gaussian weights in k, but not of one distribution (R2 below "
    "0.95)",
    "slightly heavier": f"Slightly heavier-tailed than Gaussian (k {SLIGHTLY_K:.2f} to "
    f"{TRANSMISSION[0]}; paper: mild selection)",
    "clearly heavier": f"Clearly heavier-tailed than Gaussian (k {STRONG_SELECTION_K} to "
    f"{SLIGHTLY_K:.2f}; paper: mild selection)",
    "far heavier": f"Far heavier-tailed than Gaussian (k below {STRONG_SELECTION_K}; paper: strong "
    "selection)",
    "lighter": f"Lighter-tailed than Gaussian (k above {TRANSMISSION[1]})",
}

_BANDS = {
    "like Gaussian": TRANSMISSION,
    "like Gaussian, poor fit": TRANSMISSION,
    "slightly heavier": (SLIGHTLY_K, TRANSMISSION[0]),
    "clearly heavier": (STRONG_SELECTION_K, SLIGHTLY_K),
    "far heavier": (-math.inf, STRONG_SELECTION_K),
    "lighter": (TRANSMISSION[1], math.inf),
}
"""Least and largest shape of each."""


def reading(kind: KindDiagnosis) -> str:
    """Say what the shape of a kind means beside Gaussian weights, in a few words.

    Returns
    -------
    str
        A key of the sentences; "on a grid" or "pruned" where k says nothing.
    """
    if kind.withheld is not None:
        return CELLS[kind.withheld]
    if kind.regime is None:
        return ""
    if kind.regime == "light-tailed":
        return "lighter"
    if kind.regime.startswith("transmission"):
        return "like Gaussian, poor fit" if kind.regime.endswith("poor fit") else "like Gaussian"
    if kind.k_median < STRONG_SELECTION_K:
        return "far heavier"
    return "slightly heavier" if kind.k_median >= SLIGHTLY_K else "clearly heavier"


def summary(found: Diagnosis) -> tuple[str, ...]:
    """Say in sentences what the shapes of a model mean.

    Parameters
    ----------
    found : Diagnosis
        The diagnosis; its summary is not looked at.

    Returns
    -------
    tuple of str
        The sentences.
    """
    return tuple(_sentences(found))


def _sentences(found: Diagnosis) -> Iterator[str]:
    if not found.kinds:
        yield _nothing_to_judge(found)
    named = namer(found.kinds)
    for name, words in _SENTENCES.items():
        members = [kind for kind in found.kinds if reading(kind) == name]
        if members:
            listed = ", ".join(f"{named(kind)} {kind.k_median:.3f}" for kind in members)
            band = _BANDS[name]
            doubtful = [
                named(kind)
                for kind in members
                if kind.verdict is not None and verdict(kind.k_median, kind.k_se, band) != "inside"
            ]
            limits = " or ".join(f"{limit:.2f}" for limit in band if math.isfinite(limit))
            doubt = f" (too close to {limits} to call: {', '.join(doubtful)})" if doubtful else ""
            unknown = [named(kind) for kind in members if kind.verdict is None]
            if unknown:
                doubt += f" (products B A, whose error is not known: {', '.join(unknown)})"
            yield f"{words}: {listed}{doubt}."
    yield from _about_withheld(found.kinds)
    yield from _about_published(found.kinds)
    yield from _about_drift(found)
    yield from _about_spread(found.kinds)
    yield from _about_balance(found.kinds)
    yield from _about_training(found.training)


def _about_withheld(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    named = namer(kinds)
    words = {
        "quantised": "Quantised to six bits or fewer, so that k says little of the training",
        "grid": "On a grid, so that k says nothing of the training",
        "gap": "Quantised in groups, or pruned, so that k says nothing of the training",
        "pruned": "Pruned, so that k says nothing of the training; --zeros censor ranks the zeros "
        "below all others",
        "censored": "Pruned, with k of the larger weights; Gaussian weights of which as many are "
        "zero would have the one in brackets",
    }
    for why, text in words.items():
        listed = [
            f"{named(kind)} {kind.k_median:.3f} ({kind.k_gaussian:.3f})"
            if why == "censored"
            else named(kind)
            for kind in kinds
            if kind.withheld == why
        ]
        if listed:
            yield f"{text}: {', '.join(listed)}."
    aside = [
        f"{kind.slices - kind.judged:,} of {kind.slices:,} {named(kind)}"
        for kind in kinds
        if kind.judged < kind.slices
    ]
    if aside:
        yield (
            "On a grid or pruned, and left out of everything that is said of their kind: "
            f"{', '.join(aside)}."
        )


def _nothing_to_judge(found: Diagnosis) -> str:
    zero = [each for each in found.findings if each.id == "all-zero"]
    matrices = [item for item in found.slices if item.kind not in ("norm", "bias", "other")]
    if zero and len(zero) == len(matrices):
        if len(zero) == 1:
            return "The one attention or FFN matrix is zero."
        return f"All {len(zero):,} attention and FFN matrices are zero."
    return (
        "No attention or FFN matrix was recognised and fitted, so there is nothing to judge; "
        "'weightgauge fit' has every tensor."
    )


def _about_published(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    named = namer(kinds)
    listed = [
        f"{named(kind)} ({kind.expected[0]:.2f} to {kind.expected[1]:.2f})"
        for kind in kinds
        if kind.expected_verdict == "inside" and kind.expected not in (None, TRANSMISSION)
        if kind.expected is not None
    ]
    if listed:
        yield f"As in published models with such attention: {', '.join(listed)}."


def _percent(share: float, error: float) -> str:
    """Write a change in percent, with its standard error; what is rounded to 0 has no minus."""
    digits = decimals(100 * error, 1)
    return f"{100 * share:+z.{digits}f}±{100 * error:.{digits}f} %"


def _grade(kind: KindDiagnosis) -> str | None:
    """Return the paper's word for a change of k, where chance alone does not explain the change."""
    by_chance = abs(kind.drift) <= 2 * kind.drift_se
    return "within twice its error" if by_chance else kind.drift_severity


def _about_drift(found: Diagnosis) -> Iterator[str]:
    named = namer(found.kinds)
    moved = [
        f"{named(kind)} {_percent(kind.drift, kind.drift_se)} ({_grade(kind)})"
        for kind in found.kinds
        if kind.drift_severity is not None
    ]
    if moved:
        yield f"Change of k since {found.start}: {', '.join(moved)}."


def _about_spread(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    """Say of which kinds rows or columns have scales of their own."""
    named = namer(kinds)
    listed = []
    for kind in kinds:
        if kind.spread is None or kind.withheld is not None:
            continue
        total = sum(kind.spread)
        shares = {"rows": kind.spread.rows / total, "columns": kind.spread.columns / total}
        told = [
            f"{100 * share:.0f} % ({line})"
            for line, share in shares.items()
            if share >= SPREAD_SHARE
        ]
        if told:
            listed.append(f"{named(kind)} {' and '.join(told)}")
    if listed:
        yield (
            "Rows or columns have scales of their own, which lowers k. They explain this share of "
            f"the variance of ln |w|: {', '.join(listed)}."
        )


def _about_balance(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    named = namer(kinds)
    returned, heavy, light = [], [], []
    for kind in kinds:
        if kind.regime is None:  # on a grid, which shapes the balanced matrix as well
            continue
        lift = (
            kind.k_core_gaussian - GAUSSIAN_K
        )  # by how much balancing raises k of Gaussian weights
        words = (
            f"{named(kind)} from {kind.k_core_before:.3f} to {kind.k_core_median:.3f} "
            f"(Gaussian {kind.k_core_gaussian:.3f})"
        )
        least = max(BALANCE_MARGIN, 3 * kind.k_core_se)
        if kind.k_core_median - kind.k_core_gaussian > least:
            light.append(words)
        elif kind.k_core_median - kind.k_core_before - lift > least:
            returned.append(words)
        if kind.k_core_gaussian - kind.k_core_median > least:
            heavy.append(words)
    if returned:
        yield (
            "With rows and columns brought to equal scale k rises, so that much of the tails is "
            f"unequal scale: {', '.join(returned)}."
        )
    if heavy:
        yield (
            "Heavier than Gaussian even with rows and columns brought to equal scale: "
            f"{', '.join(heavy)}."
        )
    if light:
        yield (
            "Lighter-tailed than Gaussian once rows and columns are brought to equal scale, which "
            f"unequal scale does not explain: {', '.join(light)}. Within rows and columns the "
            "magnitudes are closer together than those of Gaussian weights. Uniform "
            "initialisation does that, and so does rounding or pruning small weights to zero."
        )


def _about_training(run: TrainingProgress | None) -> Iterator[str]:
    if run is None:
        return
    scheduled = (
        f"; with the {run.schedule} schedule {run.scheduled_steps_per_tau:.2f}, "
        f"{run.scheduled_state}"
        if run.scheduled_state is not None
        else ""
    )
    yield f"Training lasted {run.steps_per_tau:.2f} tau: {run.state}{scheduled}."
