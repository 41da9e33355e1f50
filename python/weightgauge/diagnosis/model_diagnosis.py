"""`diagnose`: what the fits of a whole model mean."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from weightgauge.architecture import Architecture
from weightgauge.components import MATRIX_KINDS
from weightgauge.diagnosis.alerts import Alert, alerts
from weightgauge.diagnosis.anchors import INITS, init_anchor
from weightgauge.diagnosis.kind_diagnosis import KindDiagnosis, Start, kind_diagnosis
from weightgauge.diagnosis.outliers import Outlier, outliers
from weightgauge.diagnosis.shallow_ffn import ShallowFFN, shallow_ffn
from weightgauge.diagnosis.slice_group import SliceGroup, slice_groups
from weightgauge.diagnosis.summary import summary
from weightgauge.diagnosis.training import TrainingProgress, training_progress
from weightgauge.distributions import Heaviness, heaviness
from weightgauge.errors import NeedsWeightsError, printable
from weightgauge.options import check_choice
from weightgauge.reference import nearest
from weightgauge.slice_fit import SliceFit, table_order

if TYPE_CHECKING:
    from weightgauge.scanning import FitOptions, ModelHistograms, Subject

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True, repr=False)
class Diagnosis:
    """What a model's weights say.

    Attributes
    ----------
    model : str
        What was asked for.
    architecture : Architecture
        Heads, experts and other facts about each tower.
    start : str
        What drift is measured from, in words.
    kinds : tuple of KindDiagnosis
        By tower, then in the order of tables.
    outliers : tuple of Outlier
        Matrices that stand out among those of their kind, the most striking first.
    shallow_ffn : ShallowFFN or None
        Shapes of the first gated FFNs; None for a model without.
    training : TrainingProgress or None
        Length of training, where it was given.
    nearest : tuple of (str, float)
        Published models and their distance in k, nearest first; empty where no kind is in common.
    alerts : tuple of Alert
        What to look at.
    slices : tuple of SliceFit
        All fits, in the order of tables.
    tails : tuple of Heaviness or None
        For each of `slices`; None for what has no counts and for norms and biases.
    cores : tuple of float
        For each of `slices` the shape of its balanced fit; NaN where there is none.
    warnings : tuple of str
        What is odd about the checkpoint.
    summary : tuple of str
        The same in sentences.
    """

    model: str
    architecture: Architecture
    start: str
    kinds: tuple[KindDiagnosis, ...]
    outliers: tuple[Outlier, ...]
    shallow_ffn: ShallowFFN | None
    training: TrainingProgress | None
    nearest: tuple[tuple[str, float], ...]
    alerts: tuple[Alert, ...]
    slices: tuple[SliceFit, ...]
    tails: tuple[Heaviness | None, ...]
    cores: tuple[float, ...]
    warnings: tuple[str, ...]
    summary: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply."""
        from weightgauge import __version__

        return {
            "schema_version": SCHEMA_VERSION,
            "weightgauge": __version__,
            "model": self.model,
            "architecture": self.architecture.to_dict(),
            "start": self.start,
            "kinds": [kind.to_dict() for kind in self.kinds],
            "outliers": [each.to_dict() for each in self.outliers],
            "shallow_ffn": None if self.shallow_ffn is None else self.shallow_ffn.to_dict(),
            "training": None if self.training is None else self.training.to_dict(),
            "nearest": [{"id": name, "distance": distance} for name, distance in self.nearest],
            "alerts": [each.to_dict() for each in self.alerts],
            "summary": list(self.summary),
            "slices": [
                {
                    **item.to_dict(),
                    "k_core": core if math.isfinite(core) else None,
                    "tails": None if tails is None else tails.to_dict(),
                }
                for item, tails, core in zip(self.slices, self.tails, self.cores, strict=True)
            ],
        }

    def __repr__(self) -> str:
        """Show the summary."""
        return f"<Diagnosis '{printable(self.model)}': {' '.join(self.summary)}>"


def diagnose(
    model: str | os.PathLike[str] | ModelHistograms,
    *,
    init: str = "normal",
    baseline: str | os.PathLike[str] | ModelHistograms | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    steps: int | None = None,
    schedule: str | None = None,
    warmup: int = 0,
    balanced: bool = False,
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Judge the weights of a model: regimes, what is usual, outliers, drift, tails.

    Parameters
    ----------
    model : str, os.PathLike or ModelHistograms
        As for `weightgauge.fit`.
    init : {"normal", "uniform", "truncated normal", "orthogonal"}
        How the model was initialised; drift is measured from the anchor.
    baseline : str, os.PathLike or ModelHistograms, optional
        The model at step 0: drift is measured from its medians instead.
    lr, weight_decay, steps : float, float, int, optional
        Peak learning rate, decoupled weight decay and optimiser steps; all three or none.
    schedule, warmup
        As for `weightgauge.diagnosis.training_progress`.
    balanced : bool
        Also fit every matrix with its rows and columns brought to equal scale. Reads the weights
        twice more.
    include, exclude, threads, io, progress
        As for `weightgauge.fit`.

    Returns
    -------
    Diagnosis

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, FileChangedError, HistogramFileError
        If a model cannot be read. What tensors hold never raises.
    NeedsWeightsError
        If balanced fits of saved counts are asked for.
    ValueError
        If an option is none of its choices, or only some of `lr`, `weight_decay` and `steps` are
        given.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> found = wg.diagnose(demo.paths()["step-0"])
    >>> {kind.kind: kind.regime for kind in found.kinds}["down"]
    'transmission'
    """
    from weightgauge.scanning import FitOptions, open_slices

    check_choice("init", init, INITS)
    training = _training(lr, weight_decay, steps, schedule, warmup)
    options = FitOptions(threads=threads, io=io)
    subject = open_slices(model, include=include, exclude=exclude)
    start, starts = _starts(init, baseline, options)
    slices, tails = _measured(subject, options, progress)
    cores = _cores(subject, options, progress) if balanced else {}
    groups = slice_groups(slices)
    anchor = Start(init_anchor(init).k)
    kinds = tuple(
        kind_diagnosis(
            group,
            architecture=subject.architecture,
            start=starts.get((group.tower, group.kind), anchor),
            tails=tails,
            cores={id(item): cores[key] for item in slices if (key := _key(item)) in cores},
        )
        for group in groups
    )
    shallow = shallow_ffn(slices)
    found = Diagnosis(
        model=subject.model,
        architecture=subject.architecture,
        start=start,
        kinds=kinds,
        outliers=outliers(groups),
        shallow_ffn=shallow,
        training=training,
        nearest=_nearest(groups, kinds),
        alerts=alerts(kinds, slices, tails=tails, shallow=shallow),
        slices=tuple(slices),
        tails=tuple(tails.get(id(item)) for item in slices),
        cores=tuple(cores.get(_key(item), math.nan) for item in slices),
        warnings=subject.warnings,
    )
    return replace(found, summary=summary(found))


def _training(
    lr: float | None,
    weight_decay: float | None,
    steps: int | None,
    schedule: str | None,
    warmup: int,
) -> TrainingProgress | None:
    given = (lr, weight_decay, steps)
    if lr is None or weight_decay is None or steps is None:
        if given != (None, None, None) or schedule is not None or warmup:
            raise ValueError(
                "the length of training follows from lr, weight_decay and steps together"
            )
        return None
    return training_progress(lr, weight_decay, steps, schedule=schedule, warmup=warmup)


def _starts(
    init: str,
    baseline: str | os.PathLike[str] | ModelHistograms | None,
    options: FitOptions,
) -> tuple[str, dict[tuple[str | None, str], Start]]:
    """Say what drift is measured from, and where each kind started as far as it was measured."""
    if baseline is None:
        return f"{init}, k {init_anchor(init).k:.4f}", {}
    from statistics import median

    from weightgauge.scanning import open_slices

    subject = open_slices(baseline)
    slices = sorted((each.fit for each in subject.measure(options)), key=table_order)
    starts = {
        (group.tower, group.kind): Start(
            median(item.k for item in group.slices), median(item.lam for item in group.slices)
        )
        for group in slice_groups(slices)
    }
    return f"measured: {printable(subject.model)}", starts


def _measured(
    subject: Subject, options: FitOptions, progress: Callable[[int, int], None] | None
) -> tuple[list[SliceFit], dict[int, Heaviness]]:
    """Fits in the order of tables, and the tails of matrices by the identity of their fit."""
    slices, tails = [], {}
    for each in subject.measure(options, histograms=True, progress=progress):
        slices.append(each.fit)
        matrix = each.fit.kind in MATRIX_KINDS or each.fit.kind == "other"
        if matrix and each.histogram is not None:
            tails[id(each.fit)] = heaviness(each.histogram)
    slices.sort(key=table_order)
    return slices, tails


def _nearest(
    groups: Sequence[SliceGroup], kinds: Sequence[KindDiagnosis]
) -> tuple[tuple[str, float], ...]:
    """Rank published models by the tower that has most kinds in common with them.

    The parts of a merged tensor are left out: such models are published by the whole.
    """
    shapes: dict[str | None, dict[str, float]] = {}
    for group, kind in zip(groups, kinds, strict=True):
        if not (group.merged and group.kind in ("q", "k", "v")):
            shapes.setdefault(group.tower, {})[group.kind] = kind.k_median
    best: list[tuple[str, float]] = []
    for each in shapes.values():
        ranked = nearest(each)
        if ranked and (not best or ranked[0][1] < best[0][1]):
            best = ranked
    return tuple(best)


_Key = tuple[str, str | None, int | None, int | None]


def _key(item: SliceFit) -> _Key:
    return item.tensor, item.part, item.expert, item.head


def _cores(
    subject: Subject, options: FitOptions, progress: Callable[[int, int], None] | None
) -> dict[_Key, float]:
    """Shapes of balanced fits, of all matrices of known kinds."""
    from weightgauge.scanning import CheckpointSlices
    from weightgauge.scanning.derived_scan import can_be_read, scan_balanced

    if not isinstance(subject, CheckpointSlices):
        raise NeedsWeightsError(
            f"{printable(subject.model)}: balanced fits need the weights, row by row"
        )
    matrices = [
        item
        for item in subject.slices
        if item.place.kind in MATRIX_KINDS
        and len(item.shape) >= 2
        and math.prod(item.shape) > 0
        and can_be_read(item)
    ]
    found = scan_balanced(subject.checkpoint, matrices, options, progress=progress)
    return {
        (item.tensor.name, item.place.part, item.place.expert, item.place.head): fit.k
        for item, fit in zip(matrices, found, strict=True)
    }
