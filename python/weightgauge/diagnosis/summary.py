"""A diagnosis in sentences; each follows from a number that is shown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from weightgauge.diagnosis.kind_diagnosis import namer

if TYPE_CHECKING:
    from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis
    from weightgauge.diagnosis.model_diagnosis import Diagnosis

_REGIMES = {
    "transmission": "In the Transmission Class (k 1.18 to 1.21, as Gaussian weights)",
    "transmission, poor fit": "In the band of the Transmission Class, but with R2 below 0.95",
    "mild selection": "In mild selection (k 0.95 to 1.18)",
    "strong selection": "In strong selection (k below 0.95)",
    "light-tailed": "Light-tailed (k above 1.21)",
}
_CORE_RETURNS = 0.03


def summary(found: Diagnosis) -> tuple[str, ...]:
    """Say what a diagnosis found.

    Parameters
    ----------
    found : Diagnosis
        All but its summary.

    Returns
    -------
    tuple of str
        One sentence each.
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
    yield from _about_cores(found.kinds)
    yield from _about_outliers(found)
    yield from _about_tails(found)
    if found.training is not None:
        run = found.training
        scheduled = (
            f"; with the {run.schedule} schedule {run.scheduled_steps_per_tau:.2f}, "
            f"{run.scheduled_state}"
            if run.scheduled_state is not None
            else ""
        )
        yield f"Training lasted {run.steps_per_tau:.2f} tau: {run.state}{scheduled}."
    if found.nearest:
        name, distance = found.nearest[0]
        yield f"The nearest published model is {name}, at a distance of {distance:.3f} in k."


def _about_expectations(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    named = namer(kinds)
    for verdict, words in (
        ("inside", "As in published models with such attention"),
        ("outside", "Unlike published models with such attention"),
    ):
        listed = ", ".join(
            f"{named(kind)} ({kind.expected[0]:.2f} to {kind.expected[1]:.2f})"
            for kind in kinds
            if kind.expected_verdict == verdict and kind.expected is not None
        )
        if listed:
            yield f"{words}: {listed}."


def _about_drift(found: Diagnosis) -> Iterator[str]:
    if not found.kinds:
        return
    named = namer(found.kinds)
    parts = []
    for severity, words in (
        ("invariant", "by less than 1 %"),
        ("mild", "by up to 30 %"),
        ("strong", "by more than 30 %"),
    ):
        members = [named(kind) for kind in found.kinds if kind.drift_severity == severity]
        if members:
            parts.append(f"{words} in {', '.join(members)}")
    yield f"Since initialisation ({found.start}) k has moved {'; '.join(parts)}."


def _about_cores(kinds: Sequence[KindDiagnosis]) -> Iterator[str]:
    named = namer(kinds)
    returned = [
        f"{named(kind)} {kind.k_median:.3f} to {kind.k_core_median:.3f}"
        for kind in kinds
        if kind.k_core_median - kind.k_median > _CORE_RETURNS
    ]
    if returned:
        yield (
            "With rows and columns brought to equal scale, k rises: "
            f"{', '.join(returned)}; that much of the tails is unequal scale."
        )


def _about_outliers(found: Diagnosis) -> Iterator[str]:
    if not found.outliers:
        return
    tensors = {(each.tensor, each.part) for each in found.outliers}
    first = found.outliers[0]
    where = "" if first.block is None else f" of block {first.block}"
    yield (
        f"{len(tensors):,} {'matrix stands' if len(tensors) == 1 else 'matrices stand'} out among "
        f"those of their kind, most of all {first.kind}{where} ({first.quantity} "
        f"{first.value:.3f}, median {first.median:.3f}, z {first.z:+.1f})."
    )


def _about_tails(found: Diagnosis) -> Iterator[str]:
    counts: dict[str, int] = {}
    for alert in found.alerts:
        counts[alert.alert] = counts.get(alert.alert, 0) + 1
    for name, words in (
        ("heavy_tails", "heavy tails (kurtosis above 20)"),
        ("non_finite", "NaN or infinite elements"),
        ("zero_heavy", "more than 10 % zeros"),
        ("all_zero", "nothing but zeros"),
        ("poor_fit", "R2 below 0.95"),
    ):
        if number := counts.get(name, 0):
            yield f"{number:,} {'tensor has' if number == 1 else 'tensors have'} {words}."
    if found.shallow_ffn is not None and found.shallow_ffn.regime == "B":
        yield (
            "The first blocks have the shallow FFN anomaly known from some Qwen models: smallest k "
            f"of gate, up and down in blocks 0 to 5 {found.shallow_ffn.min_k:.3f}, at most 0.7."
        )
