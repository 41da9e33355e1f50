"""The settings of a training run: its learning rates, its weight decay, its optimiser."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from itertools import pairwise
from typing import Any

from weightgauge.errors import RunError, printable
from weightgauge.trajectory.optimizers import KNOWN, Optimizer, optimizer_of
from weightgauge.wording import counted

SCHEDULES = ("constant", "cosine", "linear")
"""How the learning rate goes on from its peak: as it is, half a cosine down, a line down."""

MOST_STEPS = 10**15
"""No run has more steps, or more tokens in a batch. What is computed from these stays a number."""

MOST_RATE = 1e9
"""No learning rate is larger."""

_FINAL_SHARE = {"constant": 1.0, "cosine": 0.1, "linear": 0.0}


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RunSettings:
    """How a model was trained, as far as it is known; None for what is not.

    Attributes
    ----------
    optimizer : str or None
        A name such as "adamw": see `weightgauge.trajectory.optimizers.KNOWN`.
    lr, weight_decay : float or None
        Peak learning rate, positive; weight decay, not negative.
    schedule : {"constant", "cosine", "linear"} or None
        What the learning rate does after its peak.
    final : float or None
        Learning rate at the end as a share of the peak. Where it is not given: 1 for a constant
        schedule, 0.1 for a cosine, 0 for a line.
    warmup : int or None
        Steps of a linear rise to the peak. Where it is not given: 0.
    steps : int or None
        Optimiser steps for which the schedule was made.
    batch_tokens : int or None
        Tokens in a batch.
    logged : tuple of (int, float)
        Learning rates that the trainer wrote down, by step; used where the schedule is not known.
    sources : mapping of str to str
        Where each setting comes from.

    Raises
    ------
    RunError
        If a setting has a value that it cannot have.

    Examples
    --------
    >>> settings = RunSettings(lr=1e-3, weight_decay=0.1, schedule="cosine", steps=1000, final=0.0)
    >>> settings.learning_rate(500), settings.rate_sum(1000)
    (0.0005, 0.5)
    """

    optimizer: str | None = None
    lr: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    final: float | None = None
    warmup: int | None = None
    steps: int | None = None
    batch_tokens: int | None = None
    logged: tuple[tuple[int, float], ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        for name in SETTINGS:
            value = getattr(self, name)
            if value is not None and not _CHECKS[name][0](value):
                raise RunError(f"{name} must be {_CHECKS[name][1]}, not {_told(value)}")
        if self.steps is not None and (self.warmup or 0) > self.steps:
            raise RunError(
                f"warmup is {self.warmup}, longer than the run of {counted(self.steps, 'step')}"
            )

    @property
    def known_optimizer(self) -> Optimizer | None:
        """What is known of the optimiser; None where there is none or an unknown one."""
        return None if self.optimizer is None else optimizer_of(self.optimizer)

    @property
    def final_share(self) -> float:
        """Learning rate at the end as a share of the peak; NaN without a schedule."""
        if self.final is not None:
            return self.final
        return math.nan if self.schedule is None else _FINAL_SHARE[self.schedule]

    @property
    def scheduled(self) -> bool:
        """Whether the learning rate of every step is known from the schedule."""
        if self.lr is None or self.schedule is None:
            return False
        return self.schedule == "constant" or self.steps is not None

    def learning_rate(self, step: float) -> float:
        """Return the learning rate at a step; NaN where it is not known.

        Parameters
        ----------
        step : float
            From 0 on; behind the end of the schedule the last rate stays.
        """
        if not self.scheduled:
            return _interpolated(self.logged, step)
        peak, warmup = self.lr or 0.0, self.warmup or 0
        if step < warmup:
            return peak * step / warmup
        return peak * _share(self, _way(self, step))

    def rate_sum(self, step: float) -> float:
        """Return the sum of the learning rates of the first steps; NaN where it is not known.

        Parameters
        ----------
        step : float
            How many steps. Sums are integrals over the schedule: exact for whole runs, and within
            half a step's rate elsewhere.
        """
        if not self.scheduled:
            return _area(self.logged, step)
        peak, warmup = self.lr or 0.0, self.warmup or 0
        if step < warmup:
            return peak * step**2 / (2 * warmup)
        way, length = _way(self, step), (self.steps or 0) - warmup
        last, behind = self.final_share, max(step - warmup - length, 0)
        if self.schedule == "constant":
            return peak * (warmup / 2 + step - warmup)
        if self.schedule == "cosine":
            area = way * (1 + last) / 2 + (1 - last) * math.sin(math.pi * way) / (2 * math.pi)
        else:
            area = way - (1 - last) * way**2 / 2
        return peak * (warmup / 2 + length * area + behind * last)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: every setting, and `sources`."""
        known = {name: getattr(self, name) for name in SETTINGS}
        return {**known, "logged_rates": len(self.logged), "sources": dict(self.sources)}

    def __repr__(self) -> str:
        """Show the optimiser, learning rate, weight decay and schedule that are known."""
        names = ("optimizer", "lr", "weight_decay", "schedule", "steps")
        known = [f"{name} {value}" for name in names if (value := getattr(self, name)) is not None]
        return f"<RunSettings: {', '.join(known) or 'nothing known'}>"


def _way(settings: RunSettings, step: float) -> float:
    """How far a step is on the way from the peak to the end, from 0 to 1."""
    warmup = settings.warmup or 0
    length = (settings.steps or 0) - warmup
    return min(max((step - warmup) / length, 0.0), 1.0) if length > 0 else 1.0


def _share(settings: RunSettings, way: float) -> float:
    """Learning rate as a share of the peak."""
    last = settings.final_share
    if settings.schedule == "cosine":
        return last + (1 - last) * (1 + math.cos(math.pi * way)) / 2
    return 1.0 if settings.schedule == "constant" else 1 - (1 - last) * way


def _interpolated(logged: tuple[tuple[int, float], ...], step: float) -> float:
    """Learning rate between those that were logged; before the first and behind the last, those."""
    if not logged:
        return math.nan
    right = bisect_right(logged, (step, math.inf))
    if right in (0, len(logged)):
        return logged[min(right, len(logged) - 1)][1]
    (before, low), (after, high) = logged[right - 1], logged[right]
    return low + (high - low) * (step - before) / (after - before)


def _area(logged: tuple[tuple[int, float], ...], step: float) -> float:
    """Area under the learning rates that were logged."""
    if not logged:
        return math.nan
    points: list[tuple[float, float]] = [
        (0.0, logged[0][1]),
        *((at, rate) for at, rate in logged if at < step),
    ]
    points.append((step, _interpolated(logged, step)))
    return math.fsum(
        (after - before) * (low + high) / 2 for (before, low), (after, high) in pairwise(points)
    )


def _told(value: Any) -> str:
    """Return a value for a message; that of a number has few digits."""
    if isinstance(value, int) and abs(value) > MOST_STEPS:
        return f"one beyond {MOST_STEPS:,}"
    if isinstance(value, float) and MOST_RATE < abs(value) < math.inf:
        return f"{value:g}, which is beyond {MOST_RATE:g}"
    return printable(repr(value))


def _is_number(value: Any) -> bool:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    return number and abs(value) <= MOST_RATE  # which NaN is not


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value <= MOST_STEPS


_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "optimizer": (
        lambda value: isinstance(value, str) and optimizer_of(value) is not None,
        f"one of {', '.join(KNOWN)}",
    ),
    "lr": (lambda value: _is_number(value) and value > 0, "a positive number"),
    "weight_decay": (lambda value: _is_number(value) and value >= 0, "a number from 0 on"),
    "schedule": (lambda value: value in SCHEDULES, f"one of {', '.join(SCHEDULES)}"),
    "final": (lambda value: _is_number(value) and 0 <= value <= 1, "a share from 0 to 1"),
    "warmup": (lambda value: _is_count(value) and value >= 0, "a whole number from 0 on"),
    "steps": (lambda value: _is_count(value) and value >= 1, "a whole number from 1 on"),
    "batch_tokens": (lambda value: _is_count(value) and value >= 1, "a whole number from 1 on"),
}

SETTINGS = tuple(each.name for each in fields(RunSettings) if each.name in _CHECKS)
"""Names of the settings, as in the table ``[training]`` of a `weightgauge.toml`."""
