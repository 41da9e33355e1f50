"""What a gauge remembers of the steps before: where each kind started, and what was told."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.slice_key import SliceKey
from weightgauge.findings import Finding, by_importance
from weightgauge.records import Table
from weightgauge.training.report import KindNow, StepReport
from weightgauge.trajectory.changes import onset
from weightgauge.trajectory.measurements import NUMBERS, KindState, Measurements
from weightgauge.trajectory.series import SliceSeries
from weightgauge.trajectory.step_findings import step_findings

if TYPE_CHECKING:
    from weightgauge.fits.model_fit import ModelFit
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.scanning import ModelHistograms
    from weightgauge.trajectory.forces import Forces
    from weightgauge.trajectory.kind_sizes import KindKey

_VERSION = 1
_REMEMBERED = 5
"""Steps whose slices are kept: a jump is one by what comes before and after it."""


class History:
    """The courses of kinds so far, and the slices of the last few steps."""

    def __init__(self) -> None:
        self._courses: dict[KindKey, list[tuple[int, float, float, float]]] = {}
        self._recent: deque[tuple[int, Sequence[SliceFit]]] = deque(maxlen=_REMEMBERED)
        self._told: set[tuple[str, int | None, str | None]] = set()
        self._non_finite: set[SliceKey] = set()

    @property
    def last_step(self) -> int | None:
        """The last step that was added."""
        steps = [course[-1][0] for course in self._courses.values()]
        return max(steps, default=None)

    def add(
        self,
        step: int,
        fit: ModelFit,
        histograms: ModelHistograms,
        forces: Mapping[KindKey, Forces],
    ) -> StepReport:
        """Add a step, and report on it.

        Parameters
        ----------
        step : int
            Optimiser steps that were done; steps from there on are forgotten, as after a resume.
        fit, histograms, forces
            As in `StepReport`.

        Returns
        -------
        StepReport
        """
        self._forget_from(step)
        self._recent.append((step, fit.slices))
        measured = Measurements()
        for each, slices in self._recent:
            measured.add(each, slices, {})
        kinds = [
            self._kind(step, key, states[-1])
            for key, states in measured.kinds.items()
            if states[-1].slices
        ]
        return StepReport(
            step=step,
            kinds=Table(KindNow, kinds),
            fit=fit,
            histograms=histograms,
            findings=self._findings(measured),
            forces=forces,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return what a resumed run needs, as plain values that JSON holds."""
        return {
            "version": _VERSION,
            "courses": [
                {"tower": tower, "kind": kind, "points": [_plain(point) for point in course]}
                for (tower, kind), course in self._courses.items()
            ],
            "non_finite": [key.to_dict() for key in self._non_finite],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on from what `state_dict` returned.

        Raises
        ------
        ValueError
            It is something else, or of a later version.
        """
        if state.get("version") != _VERSION:
            raise ValueError(f"the state of a gauge has version {_VERSION}, not {state!r:.100}")
        self._courses = {
            (each["tower"], each["kind"]): [_point(*point) for point in each["points"]]
            for each in state["courses"]
        }
        self._non_finite = {SliceKey(**each) for each in state["non_finite"]}
        self._recent.clear()

    def _forget_from(self, step: int) -> None:
        for key, course in list(self._courses.items()):
            self._courses[key] = [point for point in course if point[0] < step]
        while self._recent and self._recent[-1][0] >= step:
            self._recent.pop()

    def _kind(self, step: int, key: KindKey, state: KindState) -> KindNow:
        ln_lambda = math.log(state.lam) if state.lam > 0 else math.nan
        course = self._courses.setdefault(key, [])
        course.append((step, state.k, state.k_se, ln_lambda))
        steps, k, k_se, _ = zip(*course, strict=True)
        _, first_k, _, first_ln_lambda = course[0]
        return KindNow(
            kind=key[1],
            tower=key[0],
            slices=state.slices,
            k=state.k,
            k_se=state.k_se,
            lam=state.lam,
            ln_lambda_se=state.ln_lambda_se,
            r2=state.r2,
            rms=state.rms,
            dk=state.k - first_k,
            dln_lambda=ln_lambda - first_ln_lambda,
            onset=onset(steps, k, k_se),
        )

    def _findings(self, measured: Measurements) -> Table[Finding]:
        """Return what was not told before."""
        measured.sort()
        found = []
        for each in step_findings(measured, _series(measured), known_non_finite=self._non_finite):
            key = (each.id, each.step, each.message)
            if key not in self._told:
                self._told.add(key)
                found.append(each)
        self._non_finite |= {key for key, now in measured.states[-1].items() if now.nonfinite}
        return by_importance(found)


def _series(measured: Measurements) -> list[SliceSeries]:
    """Return the slices over the steps that are kept, as far as findings ask for them."""
    nan = math.nan
    table = measured.series()
    return [
        SliceSeries(
            tensor=item.tensor,
            part=item.part,
            kind=item.kind,
            block=item.block,
            tower=item.tower,
            expert=item.expert,
            head=item.head,
            **{name: tuple(table[name][:, i].tolist()) for name in NUMBERS},
            dk=nan,
            dk_se=nan,
            dln_lambda=nan,
            dln_lambda_se=nan,
            onset=None,
            change_points=(),
            withheld=None,
        )
        for i, item in enumerate(measured.slices)
    ]


def _plain(point: tuple[int, float, float, float]) -> list[float | None]:
    return [None if math.isnan(number) else number for number in point]


def _point(
    step: int, k: float | None, k_se: float | None, ln_lambda: float | None
) -> tuple[int, float, float, float]:
    numbers = (math.nan if number is None else float(number) for number in (k, k_se, ln_lambda))
    first, second, third = numbers
    return int(step), first, second, third
