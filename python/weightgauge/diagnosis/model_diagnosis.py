"""`diagnose`: what the fits of a whole model mean."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from statistics import median
from types import MappingProxyType
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import MATRIX_KINDS
from weightgauge.choices import check_choice
from weightgauge.diagnosis.balanced import balanced_fits, with_weights
from weightgauge.diagnosis.baseline import check_baseline
from weightgauge.diagnosis.few_blocks import few_block_findings
from weightgauge.diagnosis.fresh import fresh_findings
from weightgauge.diagnosis.kind_diagnosis import (
    KindDiagnosis,
    Start,
    kind_diagnosis,
    median_error,
    namer,
)
from weightgauge.diagnosis.kind_findings import (
    outlier_findings,
    published_findings,
    shallow_finding,
    tail_findings,
)
from weightgauge.diagnosis.outliers import Outlier, outliers
from weightgauge.diagnosis.record import Diagnosis
from weightgauge.diagnosis.regime import GAUSSIAN_K
from weightgauge.diagnosis.shallow_ffn import ShallowFFN, shallow_ffn
from weightgauge.diagnosis.slice_group import SliceGroup, slice_groups
from weightgauge.diagnosis.summary import summary
from weightgauge.diagnosis.training import TrainingProgress, training_progress
from weightgauge.distributions import Heaviness, heaviness
from weightgauge.distributions.anchors import INITS, init_anchor
from weightgauge.errors import NothingSelectedError, printable
from weightgauge.findings import RULES, Finding, Rule, by_importance
from weightgauge.fits.pieces import wholes
from weightgauge.fits.slice_findings import slice_findings
from weightgauge.fits.slice_fit import SliceFit, table_order
from weightgauge.fits.withheld import withheld
from weightgauge.records import Table
from weightgauge.reference import Neighbour, models, nearest

if TYPE_CHECKING:
    from weightgauge.magnitudes.options import FitOptions
    from weightgauge.scanning import Measurable, Model

_LARGE_LINES = frozenset(("large-rows", "large-columns"))
"""Rules that explain heavy tails."""


def diagnose(
    model: Model,
    *,
    init: str = "normal",
    baseline: Model | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    steps: int | None = None,
    schedule: str | None = None,
    warmup: int = 0,
    balanced: bool = False,
    zeros: str = "exclude",
    errors: str = "sampled",
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Judge the weights of a model: regimes, usual ranges, outliers, drift and tails.

    Parameters
    ----------
    model : str, os.PathLike, torch.nn.Module, mapping, ModelHistograms or ModelFit
        As for `weightgauge.fit`. A fit has no counts, and so no tails.
    init : {"normal", "uniform", "truncated normal", "orthogonal"}
        How the model was initialised. Drift is measured from the anchor of that initialisation.
    baseline : optional
        The model at step 0, as for `weightgauge.fit`. For the kinds that it has, drift is measured
        from its medians.
    lr, weight_decay, steps : float, float, int, optional
        Peak learning rate, decoupled weight decay and optimiser steps: all three or none.
    schedule, warmup
        As for `weightgauge.diagnosis.training_progress`.
    balanced : bool
        Whether to fit every matrix also with its rows and columns brought to equal scale, which
        reads the weights twice more.
    zeros, errors, include, exclude, threads, io, progress
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
    OtherModelError
        If the baseline shares no kind of matrix of one shape with the model.
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
    options = FitOptions(zeros=zeros, errors=errors, threads=threads, io=io)
    subject = open_slices(model, include=include, exclude=exclude, options=options)
    starts = {}
    if baseline is not None:
        # If the patterns leave nothing of the baseline, all drift is measured from the anchor.
        with suppress(NothingSelectedError):
            before = open_slices(baseline, include=include, exclude=exclude, options=options)
            check_baseline(subject, before)
            starts = _starts(before, options)
    anchor = Start(init_anchor(init).k, math.nan, 0.0, init)
    found = diagnosed(
        subject, options, anchor=anchor, starts=starts, balanced=balanced, progress=progress
    )
    told = _start_told(found.kinds, anchor, baseline)
    doubts = () if baseline is None else _baseline_doubts(found.kinds, init)
    found = replace(found, start=told, training=training, warnings=(*found.warnings, *doubts))
    return replace(found, summary=summary(found))


def diagnosed(
    subject: Measurable,
    options: FitOptions,
    *,
    anchor: Start | None = None,
    starts: Mapping[tuple[str | None, str], Start] = MappingProxyType({}),
    balanced: bool = False,
    rules: Mapping[str, Rule] = RULES,
    progress: Callable[[int, int], None] | None = None,
) -> Diagnosis:
    """Judge what was opened; the arguments are those of `diagnose`, checked.

    Parameters
    ----------
    subject : Measurable
        The model.
    options : FitOptions
        How to fit and read.
    anchor : Start, optional
        Where kinds start that `starts` lacks; by default as normal weights.
    starts : mapping of (tower, kind) to Start
        Where kinds started.
    balanced : bool
        Whether to fit with rows and columns of equal scale too.
    rules : mapping of str to Rule
        The rules by their ids, whose thresholds decide.
    progress : callable, optional
        Called with (bytes done, bytes in all) now and then.

    Returns
    -------
    Diagnosis
        Without a summary.
    """
    anchor = anchor or Start(init_anchor("normal").k, math.nan, 0.0, "normal")
    weights = with_weights(subject) if balanced else None
    slices, tails = _measured(subject, options, progress)
    balance = {} if weights is None else balanced_fits(weights, slices, options, progress)
    reasons = withheld(slices, zeros=options.zeros, trim=options.trim)
    groups = slice_groups(slices, reasons)
    counted = (
        *subject.findings,
        *slice_findings(slices, rules, tied=subject.architecture.tied, options=options),
    )
    kinds = [
        kind_diagnosis(
            group,
            k_gaussian=_gaussian_k(group, options),
            architecture=subject.architecture,
            start=starts.get((group.tower, group.kind), anchor),
            tails=tails,
            balanced={id(item): balance[item.key] for item in group.slices if item.key in balance},
        )
        for group in groups
    ]
    shallow = shallow_ffn([item for item in slices if item.key not in reasons])
    ranked, compared = _nearest(groups, kinds)
    stand_out = outliers(groups)
    return Diagnosis(
        model=subject.model,
        zero_handling=options.zeros,
        architecture=subject.architecture,
        start=_start_told(kinds, anchor, None),
        kinds=Table(KindDiagnosis, kinds),
        outliers=stand_out,
        shallow_ffn=shallow,
        training=None,
        nearest=ranked,
        nearest_kinds=compared,
        findings=by_importance(
            (
                *counted,
                *_findings(groups, kinds, tails, stand_out, shallow, ranked, counted, rules),
            )
        ),
        slices=Table(SliceFit, slices),
        tails=tuple(tails.get(id(item)) for item in slices),
        balanced=tuple(balance.get(item.key) for item in slices),
        warnings=subject.warnings,
    )


def _gaussian_k(group: SliceGroup, options: FitOptions) -> float:
    """Return the shape that Gaussian weights would have of which as many are zero."""
    if options.zeros != "censor":
        return GAUSSIAN_K
    share = median(item.zeros / (item.n + item.zeros) for item in group.slices)
    return init_anchor("normal", trim=options.trim, censored=share).k


def _findings(
    groups: Sequence[SliceGroup],
    kinds: Sequence[KindDiagnosis],
    tails: dict[int, Heaviness],
    stand_out: Sequence[Outlier],
    shallow: ShallowFFN | None,
    ranked: Sequence[Neighbour],
    counted: Sequence[Finding],
    rules: Mapping[str, Rule],
) -> Iterator[Finding]:
    """Collect what kinds and tails show."""
    spoilt = frozenset(each.place for each in counted if each.level == "fault")
    uneven = frozenset(each.place for each in counted if each.id in _LARGE_LINES)
    judged = [item for group in groups for item in group.members]
    whole = wholes(judged)
    fresh = list(fresh_findings(groups, tails))
    yield from fresh
    yield from tail_findings(
        [item for item in judged if whole.get(item.tensor) is not item],
        tails,
        spoilt | uneven,
        rules,
    )
    of_blocks = list(few_block_findings(groups, spoilt, rules))
    yield from of_blocks
    told = {(each.tower, each.block) for each in of_blocks if each.tensor is None}
    # What its matrices differ by follows from the scale of a block.
    rest = [
        each for each in stand_out if each.quantity == "k" or (each.tower, each.block) not in told
    ]
    yield from outlier_findings(rest, spoilt)
    yield from shallow_finding(shallow)
    if not any(each.tensor is None for each in fresh):  # published models are trained ones
        yield from published_findings(kinds, ranked, rules)


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


def _starts(subject: Measurable, options: FitOptions) -> dict[tuple[str | None, str], Start]:
    """Return the median shape and scale of each kind of the model at step 0.

    Kinds that lie on a grid, or were pruned, have no shape to start from.
    """
    slices = subject.fits(options)
    reasons = withheld(slices, zeros=options.zeros, trim=options.trim)
    return {
        (group.tower, group.kind): Start(
            median(item.k for item in group.slices),
            median(item.lam for item in group.slices),
            median_error(
                [item.k for item in group.slices], [item.k_se_matrix for item in group.slices]
            ),
            "measured",
        )
        for group in slice_groups(slices, reasons)
        if group.withheld is None
    }


def _start_told(
    kinds: Sequence[KindDiagnosis],
    anchor: Start,
    baseline: Model | None,
) -> str:
    """Say what drift is measured from."""
    from weightgauge.scanning import name_of

    by_anchor = f"a {anchor.source} initialisation (k {anchor.k:.4f})"
    if baseline is None or not any(kind.start == "measured" for kind in kinds):
        return by_anchor
    named = namer(kinds)
    others = [named(kind) for kind in kinds if kind.start == anchor.source]
    measured = printable(name_of(baseline))
    return measured + (f"; {by_anchor} for {', '.join(others)}" if others else "")


def _baseline_doubts(kinds: Sequence[KindDiagnosis], init: str) -> tuple[str, ...]:
    named = namer(kinds)
    missing = [named(kind) for kind in kinds if kind.start not in (None, "measured")]
    if not missing:
        return ()
    return (
        f"the baseline has no {', '.join(missing)} to start from: their drift is from the anchor "
        f"of a {init} initialisation",
    )


def _measured(
    subject: Measurable, options: FitOptions, progress: Callable[[int, int], None] | None
) -> tuple[list[SliceFit], dict[int, Heaviness]]:
    """Return fits in the order of tables, and tails of matrices by the identity of their fit."""
    slices, tails = [], {}
    for each in subject.measure(options, progress=progress):
        slices.append(each.fit)
        matrix = each.fit.kind in MATRIX_KINDS or each.fit.kind == "other"
        if matrix and each.histogram is not None:
            found = heaviness(each.histogram)
            if each.histogram.dtype != each.fit.dtype:  # the values counted are not the codes
                found = replace(found, code_entropy=math.nan)
            tails[id(each.fit)] = found
    slices.sort(key=table_order)
    return slices, tails


def _nearest(
    groups: Sequence[SliceGroup], kinds: Sequence[KindDiagnosis]
) -> tuple[Table[Neighbour], tuple[str, ...]]:
    """Rank published models for the tower that has most kinds in common with one of them.

    The parts of a merged tensor are left out, because such tensors are published as a whole. The
    updates of adapters are left out too.
    """
    shapes: dict[str | None, dict[str, float]] = {}
    errors: dict[str | None, dict[str, float]] = {}
    for group, kind in zip(groups, kinds, strict=True):
        if not (
            kind.regime is None or group.updates or (group.merged and group.kind in ("q", "k", "v"))
        ):
            shapes.setdefault(group.tower, {})[group.kind] = kind.k_median
            errors.setdefault(group.tower, {})[group.kind] = kind.k_se
    published = [set(model.kinds) for model in models().values()]
    tower = max(
        shapes,
        key=lambda each: max(len(kinds & shapes[each].keys()) for kinds in published),
        default=None,
    )
    best = shapes.get(tower, {})
    known = set().union(*published)
    return nearest(best, errors.get(tower, {})), tuple(kind for kind in best if kind in known)
