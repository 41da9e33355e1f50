"""The sentences of a diagnosis. Each follows from a number that the diagnosis shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from weightgauge.diagnosis.kind_diagnosis import namer
from weightgauge.diagnosis.regime import GAUSSIAN_K, TRANSMISSION
from weightgauge.diagnosis.rules import SLICE_RULES
from weightgauge.findings import slice_name
from weightgauge.reference import models
from weightgauge.reference.nearest import MISSING

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.record import Diagnosis
    from weightgauge.diagnosis.training import TrainingProgress

_REGIMES = {
    "transmission": "In the Transmission Class (k 1.18 to 1.21, as Gaussian weights)",
    "transmission, poor fit": "In the band of the Transmission Class, but with R2 below 0.95",
    "mild selection": "In mild selection (k 0.95 to 1.18)",
    "strong selection": "In strong selection (k below 0.95)",
    "light-tailed": "Light-tailed (k above 1.21)",
}
BALANCE_MARGIN = 0.03
"""Least difference in k between balanced, unbalanced and Gaussian matrices that gets a sentence. It
must also be three standard errors, because there are many kinds."""

_COUNTED_ALERTS = ("heavy_tails", "non_finite", "zero_heavy", "all_zero", "poor_fit")
"""Rules whose tensors the summary counts, in the order of its sentences."""


def summary(found: Diagnosis) -> tuple[str, ...]:
    """Say in sentences what a diagnosis found.

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
        yield (
            "No attention or FFN matrix was recognised and fitted, so there is nothing to judge; "
            "'weightgauge fit' has every tensor."
        )
    named = namer(found.kinds)
    for name, words in _REGIMES.items():
        members = [kind for kind in found.kinds if kind.regime == name]
        if members:
            listed = ", ".join(f"{named(kind)} {kind.k_median:.3f}" for kind in members)
            doubtful = [named(kind) for kind in members if kind.verdict == "undecided"]
            doubt = f" (undecided at 95 %: {', '.join(doubtful)})" if doubtful else ""
            yield f"{words}: {listed}{doubt}."
    yield from _about_expectations(found.kinds)
    yield from _about_drift(found)
    yield from _about_balance(found.kinds)
    yield from _about_outliers(found)
    yield from _about_alerts(found)
    yield from _about_training(found.training)
    yield from _about_nearest(found)


def _about_expectations(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    named = namer(kinds)
    for verdict, words in (
        ("inside", "As in published models with such attention"),
        ("outside", "Unlike published models with such attention"),
    ):
        listed = [
            f"{named(kind)} ({kind.expected[0]:.2f} to {kind.expected[1]:.2f})"
            for kind in kinds
            if kind.expected_verdict == verdict and kind.expected not in (None, TRANSMISSION)
            if kind.expected is not None
        ]
        if listed:
            yield f"{words}: {', '.join(listed)}."
    left = [
        named(kind)
        for kind in kinds
        if kind.expected == TRANSMISSION and kind.expected_verdict == "outside"
    ]
    if left:
        yield f"Outside the Transmission Class, to which they usually belong: {', '.join(left)}."


def _about_drift(found: Diagnosis) -> Iterator[str]:
    named = namer(found.kinds)
    moved = [
        f"{named(kind)} {100 * kind.drift:+.1f}±{100 * kind.drift_se:.1f} % ({kind.drift_severity})"
        for kind in found.kinds
        if kind.drift_severity is not None
    ]
    if moved:
        yield f"Drift of k since initialisation ({found.start}): {', '.join(moved)}."


def _about_balance(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    named = namer(kinds)
    returned, heavy = [], []
    for kind in kinds:
        lift = (
            kind.k_core_gaussian - GAUSSIAN_K
        )  # by how much balancing raises k of Gaussian weights
        words = (
            f"{named(kind)} from {kind.k_core_before:.3f} to {kind.k_core_median:.3f} "
            f"(Gaussian {kind.k_core_gaussian:.3f})"
        )
        least = max(BALANCE_MARGIN, 3 * kind.k_core_se)
        if kind.k_core_median - kind.k_core_before - lift > least:
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


def _about_outliers(found: Diagnosis) -> Iterator[str]:
    if not found.outliers:
        return
    number = len({(each.tensor, each.part, each.expert) for each in found.outliers})
    first = found.outliers[0]
    yield (
        f"{number:,} {'matrix stands' if number == 1 else 'matrices stand'} out among those of "
        f"their kind, most of all {slice_name(first)} ({first.quantity} {first.value:.3f}, median "
        f"{first.median:.3f}, z {first.z:+.1f})."
    )


def _about_alerts(found: Diagnosis) -> Iterator[str]:
    words = {rule.id: rule.several for rule in SLICE_RULES}
    for name in _COUNTED_ALERTS:
        number = len({alert.tensor for alert in found.alerts if alert.alert == name})
        if number:
            one = number == 1
            what = "tensor, or a part of it, has" if one else "tensors, or parts of them, have"
            yield f"{number:,} {what} {words[name]}."
    if found.shallow_ffn is not None and found.shallow_ffn.regime == "B":
        yield (
            "The first blocks have the shallow FFN anomaly known from some Qwen models: smallest k "
            f"of gate, up and down in blocks 0 to 5 {found.shallow_ffn.min_k:.3f}, at most 0.7."
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


def _about_nearest(found: Diagnosis) -> Iterator[str]:
    if not found.nearest:
        return
    name, distance = found.nearest[0]
    theirs = models()[name].kinds.keys()
    common = [kind for kind in found.nearest_kinds if kind in theirs]
    alone = len(theirs ^ set(found.nearest_kinds))
    penalty = (
        f"; {alone} {'kind' if alone == 1 else 'kinds'} that only one of the two has count "
        f"{MISSING} each"
        if alone
        else ""
    )
    yield (
        f"The nearest published model is {name}: {distance:.3f} in k, over {', '.join(common)}"
        f"{penalty}."
    )
