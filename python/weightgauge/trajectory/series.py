"""Slices and kinds of matrices over the steps of a run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weightgauge.trajectory.levelling import Levelling
from weightgauge.wording import counted

Series = tuple[float, ...]
"""One number for each step that was read; NaN where there is none."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SliceSeries:
    """One slice over steps.

    Attributes
    ----------
    tensor, part, kind, block, tower, expert, head
        What it is: see `weightgauge.SliceFit`.
    k, lam, r2, rms : tuple of float
        Its numbers at each step, as in `weightgauge.SliceFit`.
    k_se, ln_lambda_se : tuple of float
        The standard errors that hold for matrices: `k_se_matrix` and `ln_lambda_se_matrix` there.
    dk, dk_se : float
        Last k minus first and its standard error: see `weightgauge.trajectory.changes.Change`.
    dln_lambda, dln_lambda_se : float
        The same of the logarithm of lambda.
    onset : int or None
        First step from which k stays more than three standard errors from its start.
    change_points : tuple of int
        Steps at which the course of k changes.
    withheld : str or None
        Why the four changes, the onset and the change points are not given, a key of
        `weightgauge.fits.withheld.REASONS`; None where they are.
    """

    tensor: str
    part: str | None
    kind: str
    block: int | None
    tower: str | None
    expert: int | None
    head: int | None
    k: Series
    k_se: Series
    lam: Series
    ln_lambda_se: Series
    r2: Series
    rms: Series
    dk: float
    dk_se: float
    dln_lambda: float
    dln_lambda_se: float
    onset: int | None
    change_points: tuple[int, ...]
    withheld: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `lambda` for `lam`, None in place of NaN."""
        return plain(self)

    def __repr__(self) -> str:
        """Show what it is and how k went."""
        return f"<SliceSeries '{self.tensor}' {self.kind}: {_course(self.k)}>"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class KindSeries:
    """The matrices of one kind in one tower over steps, by their medians.

    Attributes
    ----------
    kind, tower : str, str or None
        As in `weightgauge.SliceFit`; kinds are never pooled.
    slices : tuple of int
        Matrices with numbers at each step.
    k, k_se, lam, ln_lambda_se, r2, rms : tuple of float
        Medians at each step and their standard errors: see
        `weightgauge.diagnosis.kind_diagnosis.median_error`.
    mean_square : tuple of float
        Mean square of all their weights.
    dk, dk_se, dln_lambda, dln_lambda_se, onset, change_points
        As for `SliceSeries`, of the medians.
    levelling : Levelling
        Whether lambda has levelled off.
    norm_held : bool
        Whether the root mean square of every matrix stays within 0.2 % of its start over three
        steps or more, although the matrix changes.
    """

    kind: str
    tower: str | None
    slices: tuple[int, ...]
    k: Series
    k_se: Series
    lam: Series
    ln_lambda_se: Series
    r2: Series
    rms: Series
    mean_square: Series
    dk: float
    dk_se: float
    dln_lambda: float
    dln_lambda_se: float
    onset: int | None
    change_points: tuple[int, ...]
    withheld: str | None
    levelling: Levelling
    norm_held: bool

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON: `lambda` for `lam`, None in place of NaN."""
        return plain(self)

    def __repr__(self) -> str:
        """Show what it is and how k went."""
        tower = "" if self.tower is None else f"{self.tower} "
        return f"<KindSeries {tower}{self.kind}: {_course(self.k)}>"


def plain(record: Any) -> dict[str, Any]:
    """Return a record of numbers and series as values that JSON knows."""
    row = {}
    for name in record.__dataclass_fields__:
        value = getattr(record, name)
        if isinstance(value, tuple):
            value = [_finite(item) for item in value]
        elif hasattr(value, "to_dict"):
            value = value.to_dict()
        row["lambda" if name == "lam" else name] = _finite(value)
    return row


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _course(k: Sequence[float]) -> str:
    known = [value for value in k if math.isfinite(value)]
    if not known:
        return f"{counted(len(k), 'step')}, no k"
    return f"{counted(len(k), 'step')}, k {known[0]:.4f} to {known[-1]:.4f}"
