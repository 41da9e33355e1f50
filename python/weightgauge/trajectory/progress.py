"""How far training had come at each step of a run, in units of the time in which decay forgets."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.diagnosis.training import training_state
from weightgauge.findings import enumerated
from weightgauge.records import Table, as_row

if TYPE_CHECKING:
    from weightgauge.trajectory.settings import RunSettings


@dataclass(frozen=True, slots=True, repr=False)
class StepProgress:
    """How far training had come at a step.

    Attributes
    ----------
    step : int
        Optimiser steps that were done.
    lr : float
        Learning rate of that step; NaN where it is not known.
    steps_per_tau : float
        T/tau at the peak learning rate throughout: steps times lr times weight decay.
    state : str or None
        What the paper calls that: see `weightgauge.diagnosis.training_state`.
    scheduled_steps_per_tau, scheduled_state : float, str or None
        The same by the sum of the learning rates that were taken.
    """

    step: int
    lr: float
    steps_per_tau: float
    state: str | None
    scheduled_steps_per_tau: float
    scheduled_state: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the step, T/tau and the state."""
        return f"<StepProgress {self.step:,}: T/tau {self.steps_per_tau:.3g}, {self.state}>"


def step_progress(settings: RunSettings, steps: Sequence[int]) -> Table[StepProgress]:
    """Measure the steps of a run in units of tau = 1/(lr weight_decay).

    Parameters
    ----------
    settings : RunSettings
        Of the run. Where the optimiser is not named, weight decay is taken as decoupled; where it
        is known not to be, tau is no time scale of its decay, and there is no T/tau.
    steps : sequence of int
        Optimiser steps.

    Returns
    -------
    Table of StepProgress
        One for each step.
    """
    optimizer = settings.known_optimizer
    decoupled = optimizer is None or optimizer.decoupled
    decay = settings.weight_decay if decoupled and settings.weight_decay is not None else math.nan
    peak = math.nan if settings.lr is None else settings.lr
    found = []
    for step in steps:
        at_peak, scheduled = step * peak * decay, decay * settings.rate_sum(step)
        found.append(
            StepProgress(
                step=step,
                lr=settings.learning_rate(step),
                steps_per_tau=at_peak,
                state=_state(at_peak),
                scheduled_steps_per_tau=scheduled,
                scheduled_state=_state(scheduled),
            )
        )
    return Table(StepProgress, found)


def _state(steps_per_tau: float) -> str | None:
    return None if math.isnan(steps_per_tau) else training_state(steps_per_tau)


def missing_settings(settings: RunSettings) -> tuple[str, ...]:
    """Say what cannot be computed, and which options it needs.

    Parameters
    ----------
    settings : RunSettings
        Of the run.

    Returns
    -------
    tuple of str
        A sentence for each; empty where nothing is missing.
    """
    told = []
    if rates := _lacking(settings, ("lr", "weight_decay")):
        told.append(f"T/tau needs {enumerated(rates)}.")
    if not settings.scheduled and not settings.logged:
        parts = _lacking(settings, ("lr", "schedule"))
        if settings.schedule in ("cosine", "linear") and settings.steps is None:
            parts.append("--total-steps")
        told.append(
            f"The learning rate at each step, and what decay did, need {enumerated(parts)}."
        )
    optimizer = settings.known_optimizer
    if settings.optimizer is None:
        told.append(
            "Whether lambda is to go with sqrt(eta/wd) needs --optimizer; until then weight decay "
            "is taken as decoupled, as in AdamW."
        )
    elif optimizer is not None and not optimizer.decoupled:
        told.append(f"There is no T/tau under {optimizer.name}: {optimizer.reason}.")
    return tuple(told)


_OPTIONS = {"lr": "--lr", "weight_decay": "--weight-decay", "schedule": "--schedule"}


def _lacking(settings: RunSettings, names: Sequence[str]) -> list[str]:
    return [_OPTIONS[name] for name in names if getattr(settings, name) is None]
