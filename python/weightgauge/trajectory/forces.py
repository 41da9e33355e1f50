"""What moves the norm of a matrix: decay, injection, alignment.

An optimiser with decoupled weight decay takes W to W' = W - eta u - eta wd W, with u the update
before it is multiplied with the learning rate. Exactly,

    |W'|^2 - |W|^2 = decay + injection + alignment + crossed
    decay     = -2 eta wd |W|^2                              weight decay shrinks
    injection =  eta^2 |u|^2                                 any update adds its own length
    alignment = -2 eta <W, u>                                an update along -W adds, along W takes
    crossed   =  eta^2 wd^2 |W|^2 + 2 eta^2 wd <W, u>        second order of decay

Sign convention: each force is what it adds to |W|^2, so that decay is negative and a positive
alignment lets the norm grow. W is the matrix before the step. With W' in its place the injection
changes its sign, -2 eta <W', u> = -2 eta <W, u> + 2 eta^2 |u|^2 + ..., an error of published
scripts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.records import as_row

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

    from weightgauge.trajectory.settings import RunSettings


@dataclass(frozen=True, slots=True)
class Forces:
    """What one step did to the squared norm of a matrix.

    Attributes
    ----------
    decay, injection, alignment, crossed : float
        What each adds to |W|^2: see the top of this module.
    change : float
        |W'|^2 - |W|^2 as measured; their sum where W' was not given.
    closure_error : float
        Change minus the sum of the four; NaN where W' was not given. It is rounding where the
        update, the learning rate and the decay are those of the step, and tells where they are not.
    """

    decay: float
    injection: float
    alignment: float
    crossed: float
    change: float
    closure_error: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)


def step_forces(
    square: float,
    product: float,
    update_square: float,
    *,
    lr: float,
    weight_decay: float,
    square_after: float = math.nan,
) -> Forces:
    """Split what a step did to a norm, from three numbers that can be taken where the tensor lies.

    Parameters
    ----------
    square, product, update_square : float
        |W|^2, <W, u> and |u|^2, with W before the step and u the update before it is multiplied
        with the learning rate; for several matrices their sums.
    lr, weight_decay : float
        Of the step.
    square_after : float
        |W'|^2, for the closure error.

    Returns
    -------
    Forces
    """
    decay = -2 * lr * weight_decay * square
    injection = lr**2 * update_square
    alignment = -2 * lr * product
    crossed = (lr * weight_decay) ** 2 * square + 2 * lr**2 * weight_decay * product
    total = math.fsum((decay, injection, alignment, crossed))
    measured = math.isfinite(square_after)
    change = square_after - square if measured else total
    return Forces(
        decay=decay,
        injection=injection,
        alignment=alignment,
        crossed=crossed,
        change=change,
        closure_error=change - total if measured else math.nan,
    )


def update_forces(
    before: ArrayLike,
    update: ArrayLike,
    *,
    lr: float,
    weight_decay: float,
    after: ArrayLike | None = None,
) -> Forces:
    """Split what a step did to the norm of a matrix.

    Parameters
    ----------
    before, update : array_like
        W before the step and the update u before it is multiplied with the learning rate, of one
        shape, any shape. Sums are taken in double precision.
    lr, weight_decay : float
        Of the step.
    after : array_like, optional
        W after the step, for the closure error.

    Returns
    -------
    Forces

    Raises
    ------
    ValueError
        If the shapes differ.

    Examples
    --------
    >>> forces = update_forces([3.0, 4.0], [1.0, -2.0], lr=0.1, weight_decay=0.5)
    >>> forces.decay, round(forces.injection, 12), forces.alignment
    (-2.5, 0.05, 1.0)
    """
    weights, step = _flat(before), _flat(update)
    later = None if after is None else _flat(after)
    if weights.shape != step.shape or (later is not None and later.shape != weights.shape):
        raise ValueError("the matrix before the step, its update and what became of it differ")
    return step_forces(
        float(weights @ weights),
        float(weights @ step),
        float(step @ step),
        lr=lr,
        weight_decay=weight_decay,
        square_after=math.nan if later is None else float(later @ later),
    )


def _flat(array: ArrayLike) -> Any:
    return np.asarray(array, dtype=np.float64).reshape(-1)


@dataclass(frozen=True, slots=True, repr=False)
class IntervalForces:
    """What moved the mean square of a kind between two steps that were measured.

    Between checkpoints neither the updates nor the norms are known. Assumed are the schedule, decay
    that is decoupled, and a mean square that goes from one to the other along an exponential. Then
    decay follows, and the rest is what updates did, injection and alignment together. They are told
    apart only where the root mean square of updates is known, which is 1 for Lion.

    Attributes
    ----------
    first, last : int
        The two steps.
    change : float
        Difference of the mean squares.
    decay : float
        What weight decay added: negative.
    updates : float
        What updates added: injection and alignment.
    injection, alignment : float
        The two; NaN where the size of updates is not known.
    closure_error : float
        How far decay, and therefore the rest, may be off: half the difference between taking the
        first and the last mean square for the whole interval. It bounds the error wherever the mean
        square only grew or only shrank between them.
    """

    first: int
    last: int
    change: float
    decay: float
    updates: float
    injection: float
    alignment: float
    closure_error: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show the steps, the change, and what decay and updates added."""
        return (
            f"<IntervalForces {self.first:,}..{self.last:,}: change {self.change:.3g}, "
            f"decay {self.decay:.3g}, updates {self.updates:.3g}>"
        )


def interval_forces(
    settings: RunSettings, steps: tuple[int, int], squares: tuple[float, float]
) -> IntervalForces | None:
    """Split the change of a mean square between two steps.

    Parameters
    ----------
    settings : RunSettings
        Of the run.
    steps : tuple of int
        The two steps, the earlier first.
    squares : tuple of float
        Mean squares of the weights at both.

    Returns
    -------
    IntervalForces or None
        None where the schedule, weight decay or a mean square is not known, or decay is known not
        to be decoupled.
    """
    first, last = steps
    before, after = squares
    optimizer = settings.known_optimizer
    rates = settings.rate_sum(last) - settings.rate_sum(first)
    decoupled = optimizer is None or optimizer.decoupled
    if settings.weight_decay is None or not (rates >= 0 and before > 0 and after > 0 and decoupled):
        return None
    change = after - before
    decay = -2 * settings.weight_decay * rates * _logarithmic_mean(before, after)
    injection = math.nan
    if optimizer is not None and optimizer.name == "lion":
        injection = _square_rates(settings, first, last)
    return IntervalForces(
        first=first,
        last=last,
        change=change,
        decay=decay,
        updates=change - decay,
        injection=injection,
        alignment=change - decay - injection,
        closure_error=settings.weight_decay * rates * abs(change),
    )


def _logarithmic_mean(a: float, b: float) -> float:
    """Mean of an exponential that goes from one to the other."""
    ratio = math.log(b / a)
    # Near equality the quotient loses its digits; the series is exact there.
    return (b - a) / ratio if abs(ratio) > 1e-4 else math.sqrt(a * b) * (1 + ratio**2 / 24)


def _square_rates(settings: RunSettings, first: int, last: int) -> float:
    """Sum of the squares of the learning rates of the steps between two."""
    edges = np.linspace(first, last, min(4096, last - first) + 1)
    sums = np.array([settings.rate_sum(edge) for edge in edges])
    return float(np.sum(np.diff(sums) ** 2 / np.diff(edges)))
