"""From what was measured at each step to the course of every slice and kind."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.records import Table
from weightgauge.trajectory.changes import change_from_start, change_points, onset
from weightgauge.trajectory.levelling import levelling
from weightgauge.trajectory.measurements import NUMBERS, KindState, Measurements, withheld_of
from weightgauge.trajectory.series import KindSeries, SliceSeries

if TYPE_CHECKING:
    from weightgauge.trajectory.kind_sizes import KindKey


def slice_series(measured: Measurements) -> Table[SliceSeries]:
    """Return the course of every slice, in the order of tables."""
    table = measured.series()
    found = []
    for i, item in enumerate(measured.slices):
        numbers: dict[str, Any] = {name: tuple(table[name][:, i].tolist()) for name in NUMBERS}
        found.append(
            SliceSeries(
                tensor=item.tensor,
                part=item.part,
                kind=item.kind,
                block=item.block,
                tower=item.tower,
                expert=item.expert,
                head=item.head,
                **numbers,
                **_changes(
                    measured.steps, numbers, withheld_of(measured.courses.get(item.key, ()))
                ),
            )
        )
    return Table(SliceSeries, found)


def kind_series(measured: Measurements, *, held: Collection[KindKey]) -> Table[KindSeries]:
    """Return the course of every kind, in the order of tables.

    Parameters
    ----------
    measured : Measurements
        Medians of the kinds at each step.
    held : collection of (tower, kind)
        Kinds whose norm is held constant.
    """
    return Table(
        KindSeries,
        (
            _kind(measured, key, states, norm_held=key in held)
            for key, states in measured.kinds.items()
        ),
    )


def _kind(
    measured: Measurements, key: KindKey, states: Sequence[KindState], *, norm_held: bool
) -> KindSeries:
    columns: dict[str, Any] = {
        name: tuple(getattr(state, name) for state in states) for name in KindState._fields
    }
    return KindSeries(
        kind=key[1],
        tower=key[0],
        **columns,
        **_changes(measured.steps, columns, withheld_of(measured.kind_courses[key])),
        levelling=levelling(measured.steps, columns["lam"]),
        norm_held=norm_held,
    )


def _changes(steps: Sequence[int], numbers: dict[str, Any], why: str | None) -> dict[str, Any]:
    """Change from the start, onset and change points of one series, unless there is a reason."""
    if why is not None:
        changes = dict.fromkeys(("dk", "dk_se", "dln_lambda", "dln_lambda_se"), math.nan)
        return {**changes, "onset": None, "change_points": (), "withheld": why}
    k, k_se, ln_lambda_se = numbers["k"], numbers["k_se"], numbers["ln_lambda_se"]
    ln_lambda = [math.log(lam) if lam > 0 else math.nan for lam in numbers["lam"]]
    of_k = change_from_start(k, k_se)
    of_lambda = change_from_start(ln_lambda, ln_lambda_se)
    return {
        "dk": of_k.value,
        "dk_se": of_k.error,
        "dln_lambda": of_lambda.value,
        "dln_lambda_se": of_lambda.error,
        "onset": onset(steps, k, k_se),
        "change_points": change_points(steps, k, k_se),
        "withheld": None,
    }
