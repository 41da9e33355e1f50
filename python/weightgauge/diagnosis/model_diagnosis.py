"""`diagnose`: what the fits of a whole model mean."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from statistics import median
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.architecture import Architecture
from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import check_choice
from weightgauge.diagnosis.alerts import Alert, alerts
from weightgauge.diagnosis.balanced import cores, with_weights
from weightgauge.diagnosis.kind_diagnosis import (
    Core,
    KindDiagnosis,
    Start,
    kind_diagnosis,
    median_error,
    namer,
)
from weightgauge.diagnosis.outliers import Outlier, outliers
from weightgauge.diagnosis.shallow_ffn import ShallowFFN, shallow_ffn
from weightgauge.diagnosis.slice_group import SliceGroup, slice_groups
from weightgauge.diagnosis.summary import summary
from weightgauge.diagnosis.training import TrainingProgress, training_progress
from weightgauge.distributions import Heaviness, heaviness
from weightgauge.distributions.anchors import INITS, init_anchor
from weightgauge.errors import NothingSelectedError, printable
from weightgauge.fits.slice_fit import SliceFit, table_order
from weightgauge.reference import models, nearest

if TYPE_CHECKING:
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import ModelHistograms, Subject

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
    nearest_kinds : tuple of str
        Kinds of this model that were compared with them, all of one tower.
    alerts : tuple of Alert
        What to look at.
    slices : tuple of SliceFit
        All fits, in the order of tables.
    tails : tuple of Heaviness or None
        For each of `slices`; None for what has no counts and for norms and biases.
    cores : tuple of Core or None
        For each of `slices` its balanced fit; None where there is none.
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
    nearest_kinds: tuple[str, ...]
    alerts: tuple[Alert, ...]
    slices: tuple[SliceFit, ...]
    tails: tuple[Heaviness | None, ...]
    cores: tuple[Core | None, ...]
    warnings: tuple[str, ...]
    summary: tuple[str, ...] = field(default=())

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document: plain values, None for what does not apply."""
        from weightgauge._version import __version__

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
            "nearest_kinds": list(self.nearest_kinds),
            "alerts": [each.to_dict() for each in self.alerts],
            "summary": list(self.summary),
            "warnings": list(self.warnings),
            "slices": [
                {
                    **item.to_dict(),
                    "k_core": None if core is None else core.k,
                    "k_core_se": None if core is None else core.k_se,
                    "k_core_gaussian": None if core is None else core.k_gaussian,
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
        The model at step 0: drift is measured from its medians instead, for the kinds that it has.
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
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import open_slices

    check_choice("init", init, INITS)
    training = _training(lr, weight_decay, steps, schedule, warmup)
    options = FitOptions(threads=threads, io=io)
    subject = open_slices(model, include=include, exclude=exclude)
    weights = with_weights(subject) if balanced else None
    starts = {}
    if baseline is not None:
        # Patterns that leave nothing of it leave no kind: drift is from the anchor then.
        with suppress(NothingSelectedError):
            starts = _starts(open_slices(baseline, include=include, exclude=exclude), options)
    slices, tails = _measured(subject, options, progress)
    found_cores = {} if weights is None else cores(weights, slices, options, progress)
    groups = slice_groups(slices)
    anchor = Start(init_anchor(init).k, math.nan, 0.0, init)
    kinds = tuple(
        kind_diagnosis(
            group,
            architecture=subject.architecture,
            start=starts.get((group.tower, group.kind), anchor),
            tails=tails,
            cores={
                id(item): found_cores[item.key] for item in group.slices if item.key in found_cores
            },
        )
        for group in groups
    )
    shallow = shallow_ffn(slices)
    ranked, compared = _nearest(groups, kinds)
    found = Diagnosis(
        model=subject.model,
        architecture=subject.architecture,
        start=_start_told(kinds, anchor, baseline),
        kinds=kinds,
        outliers=outliers(groups),
        shallow_ffn=shallow,
        training=training,
        nearest=tuple(ranked),
        nearest_kinds=compared,
        alerts=alerts(kinds, slices, tails=tails, shallow=shallow),
        slices=tuple(slices),
        tails=tuple(tails.get(id(item)) for item in slices),
        cores=tuple(found_cores.get(item.key) for item in slices),
        warnings=(*subject.warnings, *([] if baseline is None else _baseline_doubts(kinds, init))),
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


def _starts(subject: Subject, options: FitOptions) -> dict[tuple[str | None, str], Start]:
    """Where each kind of the model at step 0 stands."""
    slices = sorted((each.fit for each in subject.measure(options)), key=table_order)
    return {
        (group.tower, group.kind): Start(
            median(item.k for item in group.slices),
            median(item.lam for item in group.slices),
            median_error([item.k for item in group.slices], [item.k_se for item in group.slices]),
            "measured",
        )
        for group in slice_groups(slices)
    }


def _start_told(
    kinds: Sequence[KindDiagnosis],
    anchor: Start,
    baseline: str | os.PathLike[str] | ModelHistograms | None,
) -> str:
    """Say what drift is measured from."""
    by_anchor = f"{anchor.source}, k {anchor.k:.4f}"
    if baseline is None or not any(kind.start == "measured" for kind in kinds):
        return by_anchor
    name = os.fspath(baseline) if isinstance(baseline, str | os.PathLike) else baseline.model
    named = namer(kinds)
    others = [named(kind) for kind in kinds if kind.start == anchor.source]
    measured = f"measured: {printable(name)}"
    return measured + (f"; {by_anchor} for {', '.join(others)}" if others else "")


def _baseline_doubts(kinds: Sequence[KindDiagnosis], init: str) -> tuple[str, ...]:
    named = namer(kinds)
    missing = [named(kind) for kind in kinds if kind.start not in (None, "measured")]
    if not missing:
        return ()
    return (
        f"the baseline has no {', '.join(missing)}: their drift is from the anchor of a {init} "
        "initialisation",
    )


def _measured(
    subject: Subject, options: FitOptions, progress: Callable[[int, int], None] | None
) -> tuple[list[SliceFit], dict[int, Heaviness]]:
    """Fits in the order of tables, and the tails of matrices by the identity of their fit."""
    slices, tails = [], {}
    for each in subject.measure(options, histograms=True, progress=progress):
        slices.append(each.fit)
        matrix = each.fit.kind in MATRIX_KINDS or each.fit.kind == "other"
        if matrix and each.histogram is not None:
            found = heaviness(each.histogram)
            if each.histogram.dtype != each.fit.dtype:  # values were made of codes
                found = replace(found, code_entropy=math.nan)
            tails[id(each.fit)] = found
    slices.sort(key=table_order)
    return slices, tails


def _nearest(
    groups: Sequence[SliceGroup], kinds: Sequence[KindDiagnosis]
) -> tuple[list[tuple[str, float]], tuple[str, ...]]:
    """Rank published models for the tower that has most kinds in common with any of them.

    The parts of a merged tensor are left out, since such models are published by the whole, and
    what adapters add.
    """
    shapes: dict[str | None, dict[str, float]] = {}
    for group, kind in zip(groups, kinds, strict=True):
        if not (group.updates or (group.merged and group.kind in ("q", "k", "v"))):
            shapes.setdefault(group.tower, {})[group.kind] = kind.k_median
    published = [set(model.kinds) for model in models().values()]
    best: dict[str, float] = max(
        shapes.values(),
        key=lambda each: max(len(kinds & each.keys()) for kinds in published),
        default={},
    )
    known = set().union(*published)
    return nearest(best), tuple(kind for kind in best if kind in known)
