"""Numbers of the steps of a run, collected one step at a time."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from weightgauge.diagnosis.kind_diagnosis import median_error
from weightgauge.diagnosis.slice_group import SliceGroup, slice_groups
from weightgauge.fits.slice_fit import table_order
from weightgauge.fits.withheld import SAME_SHARE

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from weightgauge.anatomy.slice_key import SliceKey
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.trajectory.kind_sizes import KindKey

_NAN = math.nan
_DRAWINGS = 500  # of medians, for their errors to 3 %; there are two for each kind and step
NUMBERS = ("k", "k_se", "lam", "ln_lambda_se", "r2", "rms")
"""What is kept of each slice at each step; errors are those that hold for matrices."""

_OF_MATRICES = {"k_se": "k_se_matrix", "ln_lambda_se": "ln_lambda_se_matrix"}


class Course(NamedTuple):
    """What stands in the way of a course of k, at one step.

    Attributes
    ----------
    why : str or None
        Why k says nothing of the training, a key of `weightgauge.fits.withheld.REASONS`.
    zeros : float
        Share of zeros.
    """

    why: str | None
    zeros: float


def withheld_of(courses: Sequence[Course]) -> str | None:
    """Return why the change of k over several steps is withheld, or None.

    Where zeros reach into the window of the fits, shapes are comparable as long as the share of
    zeros is the same.
    """
    reasons = [each.why for each in courses if each.why is not None]
    others = [each for each in reasons if each != "censored"]
    if others or not reasons:
        return others[0] if others else None
    shares = [each.zeros for each in courses]
    same = len(reasons) == len(courses) and max(shares) - min(shares) <= SAME_SHARE
    return None if same else "censored"


class SliceState(NamedTuple):
    """What a slice is at one step, besides its numbers.

    Attributes
    ----------
    dtype : str
        As in `weightgauge.SliceFit`.
    shape : tuple of int
        Its shape.
    nonfinite : int
        NaN and infinite elements.
    """

    dtype: str
    shape: tuple[int, ...]
    nonfinite: int


class KindState(NamedTuple):
    """The medians of one kind at one step; see `weightgauge.trajectory.series.KindSeries`."""

    slices: int = 0
    k: float = _NAN
    k_se: float = _NAN
    lam: float = _NAN
    ln_lambda_se: float = _NAN
    r2: float = _NAN
    rms: float = _NAN
    mean_square: float = _NAN


class Measurements:
    """Slices and kinds over steps.

    Attributes
    ----------
    steps : list of int
        Those that were added.
    slices : list of SliceFit
        One for each slice that occurs, as it was when it first did, in the order of tables once
        `sort` was called.
    states : list of dict
        For each step the state of each of its slices, by key.
    kinds : dict
        For each kind that occurs its medians at each step, by tower and kind.
    courses, kind_courses : dict
        For each slice, and for each kind, what stands in the way of a course at its steps.
    """

    def __init__(self) -> None:
        self.steps: list[int] = []
        self.slices: list[SliceFit] = []
        self.states: list[dict[SliceKey, SliceState]] = []
        self.kinds: dict[KindKey, list[KindState]] = {}
        self.courses: dict[SliceKey, list[Course]] = {}
        self.kind_courses: dict[KindKey, list[Course]] = {}
        self._rows: list[tuple[list[SliceKey], NDArray[np.float64]]] = []
        self._seen: set[SliceKey] = set()

    def add(self, step: int, slices: Sequence[SliceFit], reasons: Mapping[SliceKey, str]) -> None:
        """Add a step, later than those before it.

        Parameters
        ----------
        step : int
            Which.
        slices : sequence of SliceFit
            All slices of its model, in the order of tables. Scales and zero points of codes are
            left out: they belong to their matrix.
        reasons : mapping of SliceKey to str
            Why the k of slices says nothing of the training: see `weightgauge.fits.withheld`.
        """
        slices = [item for item in slices if not item.is_beside]
        keys = [item.key for item in slices]
        kept = [_OF_MATRICES.get(name, name) for name in NUMBERS]
        numbers = [[getattr(item, name) for name in kept] for item in slices]
        self._rows.append((keys, np.array(numbers, dtype=np.float64).reshape(-1, len(NUMBERS))))
        self.states.append(
            {
                key: SliceState(item.dtype, item.shape, item.nonfinite)
                for key, item in zip(keys, slices, strict=True)
            }
        )
        for key, item in zip(keys, slices, strict=True):
            if key not in self._seen:
                self._seen.add(key)
                self.slices.append(item)
            if item.fitted:
                share = item.zeros / (item.n + item.zeros)
                self.courses.setdefault(key, []).append(Course(reasons.get(key), share))
        groups = slice_groups(slices, reasons)
        found = {(group.tower, group.kind): _state(group) for group in groups}
        for group in groups:
            self.kind_courses.setdefault((group.tower, group.kind), []).append(_course(group))
        for kind in found:
            self.kinds.setdefault(kind, [KindState()] * len(self.steps))
        for kind, states in self.kinds.items():
            states.append(found.get(kind, KindState()))
        self.steps.append(step)

    def sort(self) -> None:
        """Put slices that only later steps have where they belong."""
        self.slices.sort(key=table_order)

    def series(self) -> dict[str, NDArray[np.float64]]:
        """Return each number as an array of float64, steps by slices; NaN where there is none."""
        place = {item.key: i for i, item in enumerate(self.slices)}
        table = np.full((len(self.steps), len(self.slices), len(NUMBERS)), np.nan)
        for i, (keys, numbers) in enumerate(self._rows):
            table[i, [place[key] for key in keys]] = numbers
        return {name: table[:, :, i] for i, name in enumerate(NUMBERS)}


def _course(group: SliceGroup) -> Course:
    share = median(item.zeros / (item.n + item.zeros) for item in group.slices)
    return Course(group.withheld, share)


def _state(group: SliceGroup) -> KindState:
    items, members = group.slices, group.members
    ln_lambda = [math.log(item.lam) for item in items]
    errors_of_ln_lambda = [item.ln_lambda_se_matrix for item in items]
    sizes = [math.prod(item.shape) for item in members]
    squares = math.fsum(n * item.rms**2 for n, item in zip(sizes, members, strict=True))
    return KindState(
        slices=len(members),
        k=median(item.k for item in items),
        k_se=median_error(
            [item.k for item in items], [item.k_se_matrix for item in items], drawings=_DRAWINGS
        ),
        lam=median(item.lam for item in items),
        ln_lambda_se=median_error(ln_lambda, errors_of_ln_lambda, drawings=_DRAWINGS),
        r2=median(item.r2 for item in items),
        rms=median(item.rms for item in members),
        mean_square=squares / sum(sizes),
    )
