"""Length of training, in units of the time after which weight decay has forgotten old updates."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from weightgauge.choices import check_choice
from weightgauge.records import as_row

SCHEDULES = ("constant", "cosine", "linear")
"""Learning-rate schedules: constant, half a cosine down to a tenth of the peak, a line to zero."""

_FINAL_SHARE = {"constant": 1.0, "cosine": 0.1, "linear": 0.0}

# The five states of the data that come with the paper (DATABASE_v9_1). Its library has only three.
STATES = (
    (1.2, "saturated"),
    (0.8, "near-saturated"),
    (0.4, "approaching"),
    (0.25, "partial"),
    (0.0, "transition"),
)


@dataclass(frozen=True, slots=True, repr=False)
class TrainingProgress:
    """Length of a training run.

    Attributes
    ----------
    lr, weight_decay : float
        Peak learning rate and decoupled weight decay.
    steps : int
        Optimiser steps T.
    schedule : str or None
        As in `SCHEDULES`; None where it is not known.
    tau : float
        Steps in which weight decay shrinks a weight by the factor e: 1/(lr weight_decay). Infinite
        without weight decay.
    steps_per_tau : float
        T/tau as the paper computes it, with the peak learning rate throughout.
    state : str
        The paper's name for that length: see `training_state`.
    scheduled_steps_per_tau : float
        weight_decay times the sum of the learning rates of all steps. NaN where the schedule is
        not known.
    scheduled_state : str or None
        The state by `scheduled_steps_per_tau`.
    """

    lr: float
    weight_decay: float
    steps: int
    schedule: str | None
    tau: float
    steps_per_tau: float
    state: str
    scheduled_steps_per_tau: float
    scheduled_state: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None for what is not known or infinite."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the length of training and its state."""
        return f"<TrainingProgress: {self.steps_per_tau:.2f} tau, {self.state}>"


def training_progress(
    lr: float, weight_decay: float, steps: int, *, schedule: str | None = None, warmup: int = 0
) -> TrainingProgress:
    """Measure a training run in units of tau = 1/(lr weight_decay).

    The time scale is that of Wang and Aitchison, arXiv:2405.13698. Under AdamW, weights are a
    moving average of their updates over the last tau steps.

    Parameters
    ----------
    lr : float
        Peak learning rate, positive.
    weight_decay : float
        Decoupled (AdamW), not negative.
    steps : int
        Optimiser steps, at least 1.
    schedule : {"constant", "cosine", "linear"}, optional
        Learning rate after the peak: unchanged, half a cosine down to a tenth, or a line to zero.
    warmup : int
        Steps of a linear rise from 0 to the peak, before the schedule.

    Returns
    -------
    TrainingProgress

    Raises
    ------
    ValueError
        A number outside its range, or an unknown schedule.

    Examples
    --------
    >>> from weightgauge.diagnosis import training_progress
    >>> run = training_progress(1e-3, 0.01, 143_000, schedule="cosine")
    >>> f"{run.steps_per_tau:.2f} {run.state}, {run.scheduled_steps_per_tau:.4f}"
    '1.43 saturated, 0.7865'
    """
    if not (0 < lr < math.inf and 0 <= weight_decay < math.inf):
        raise ValueError(
            "the learning rate must be positive, weight decay not negative, both finite: not "
            f"{lr!r} and {weight_decay!r}"
        )
    if steps < 1 or not 0 <= warmup <= steps:
        raise ValueError(
            f"steps must be at least 1 and warm-up within them, not {steps!r} and {warmup!r}"
        )
    rate = lr * weight_decay
    at_peak = steps * rate
    scheduled = math.nan
    if schedule is not None:
        check_choice("schedule", schedule, SCHEDULES)
        # Cosine and line are symmetrical about their middle, so their mean is that of their ends.
        mean = (1 + _FINAL_SHARE[schedule]) / 2
        scheduled = rate * (warmup / 2 + (steps - warmup) * mean)
    return TrainingProgress(
        lr=lr,
        weight_decay=weight_decay,
        steps=steps,
        schedule=schedule,
        tau=1 / rate if rate > 0 else math.inf,
        steps_per_tau=at_peak,
        state=training_state(at_peak),
        scheduled_steps_per_tau=scheduled,
        scheduled_state=None if schedule is None else training_state(scheduled),
    )


def training_state(steps_per_tau: float) -> str:
    """Name the state of training by T/tau.

    Parameters
    ----------
    steps_per_tau : float
        Not negative.

    Returns
    -------
    str
        "saturated" from 1.2 on, "near-saturated" from 0.8, "approaching" from 0.4, "partial" from
        0.25, else "transition": the five states of the data published with arXiv:2605.18898
        (DATABASE_v9_1). Its library has three, at 1.0 and 0.2.

    Raises
    ------
    ValueError
        A negative number or NaN.
    """
    for least, name in STATES:
        if steps_per_tau >= least:
            return name
    raise ValueError(f"T/tau is not negative, but {steps_per_tau!r} is")
