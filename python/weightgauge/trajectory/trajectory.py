"""`track`: what happens to k and lambda over the steps of a run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from weightgauge.findings import Finding, by_importance
from weightgauge.fits.model_fit import ModelFit
from weightgauge.fits.withheld import withheld
from weightgauge.magnitudes.options import FitOptions
from weightgauge.trajectory.asked import why_not_asked
from weightgauge.trajectory.courses import kind_series, slice_series
from weightgauge.trajectory.forces import IntervalForces, interval_forces
from weightgauge.trajectory.measurements import Measurements
from weightgauge.trajectory.norms import held_norms, norm_findings
from weightgauge.trajectory.progress import missing_settings, step_progress
from weightgauge.trajectory.reading import UnreadableStep, read_step
from weightgauge.trajectory.record import Trajectory
from weightgauge.trajectory.run import Run, StepModel, find_run
from weightgauge.trajectory.series import KindSeries
from weightgauge.trajectory.settings import RunSettings
from weightgauge.trajectory.settings_sources import run_settings
from weightgauge.trajectory.step_findings import step_findings

if TYPE_CHECKING:
    from weightgauge.trajectory.kind_sizes import KindKey


def track(
    run: Any,
    *,
    steps: Sequence[int] | None = None,
    optimizer: str | None = None,
    lr: float | None = None,
    weight_decay: float | None = None,
    schedule: str | None = None,
    final: float | None = None,
    warmup: int | None = None,
    total_steps: int | None = None,
    trim: str = "mid_80",
    protocol: str = "order",
    zeros: str = "exclude",
    include: str | Sequence[str] | None = None,
    exclude: str | Sequence[str] | None = None,
    per: str = "tensor",
    threads: int | None = None,
    io: str = "mmap",
    progress: Callable[[int, int], None] | None = None,
) -> Trajectory:
    """Follow k and lambda over the steps of a run.

    Steps are read one after the other, so that no more than one model's counts are in memory. A
    step that cannot be read is a finding, and the others are read.

    Parameters
    ----------
    run : str, os.PathLike, sequence or mapping
        A folder of steps, a glob, revisions on the Hub by a pattern (``org/name@step*``), a
        sequence of models, or models by step: see `weightgauge.trajectory.run.find_run`. A step is
        whatever `weightgauge.fit` takes, or a fit.
    steps : sequence of int, optional
        The steps of the models, where neither names nor a `trainer_state.json` tell them.
    optimizer, lr, weight_decay, schedule, final, warmup : optional
        How the run was trained, where that is not found beside it; see
        `weightgauge.trajectory.settings.RunSettings`.
    total_steps : int, optional
        Steps for which the schedule was made.
    trim, protocol, zeros, include, exclude, per, threads, io
        As for `weightgauge.fit`.
    progress : callable, optional
        As for `weightgauge.fit`, for each step anew.

    Returns
    -------
    Trajectory

    Raises
    ------
    RunError
        If there are no steps, or a setting is wrong.
    CheckpointError, ModelNotFoundError, HubError, HistogramFileError
        If no step can be read.
    ValueError
        If an option is none of its choices.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> paths = demo.paths()
    >>> wg.track({0: paths["step-0"], 500: paths["step-last"]}).steps
    (0, 500)
    """
    from weightgauge.scanning import fit

    found = find_run(run, steps=steps)
    given = {
        **{"optimizer": optimizer, "lr": lr, "weight_decay": weight_decay, "schedule": schedule},
        **{"final": final, "warmup": warmup, "steps": total_steps},
    }
    settings = run_settings(found.folders, given)
    read = partial(
        fit,
        trim=trim,
        protocol=protocol,
        zeros=zeros,
        include=include,
        exclude=exclude,
        per=per,
        threads=threads,
        io=io,
        progress=progress,
    )
    options = FitOptions(trim=trim, protocol=protocol, zeros=zeros, threads=threads, io=io)
    return follow(found, settings, options, read)


def follow(
    run: Run, settings: RunSettings, options: FitOptions, read: Callable[[Any], ModelFit]
) -> Trajectory:
    """Follow k and lambda over the steps of a run that was found.

    Parameters
    ----------
    run : Run
        The steps.
    settings : RunSettings
        How it was trained.
    options : FitOptions
        How `read` fits.
    read : callable
        Fits the model of a step. It is not called for steps that are fits.

    Raises
    ------
    CheckpointError, ModelNotFoundError, HubError, HistogramFileError
        If no step can be read.
    """
    measured, steps, warnings, unreadable = _measured(run, read)
    return _trajectory(run, settings, options, measured, steps, unreadable, warnings)


def _measured(
    run: Run, read: Callable[[Any], ModelFit]
) -> tuple[Measurements, list[StepModel], list[str], list[Finding]]:
    """Read all steps; raise only where none can be read."""
    measured, steps = Measurements(), []
    warnings: list[str] = []
    failed: list[UnreadableStep] = []
    for each in run.steps:
        try:
            result = read_step(each, read)
        except UnreadableStep as error:
            failed.append(error)
            continue
        reasons = withheld(result.slices, zeros=result.zero_handling, trim=result.trim)
        measured.add(each.step, result.slices, reasons)
        steps.append(each)
        warnings += result.warnings
    if not steps:
        raise failed[0].error
    measured.sort()
    return measured, steps, list(dict.fromkeys(warnings)), [each.finding for each in failed]


def _trajectory(
    run: Run,
    settings: RunSettings,
    options: FitOptions,
    measured: Measurements,
    steps: Sequence[StepModel],
    unreadable: list[Finding],
    warnings: Sequence[str],
) -> Trajectory:
    slices = slice_series(measured)
    kinds = kind_series(measured, held=held_norms(slices))
    findings = [
        *run.findings,
        *unreadable,
        *step_findings(measured, slices),
        *norm_findings(kinds, slices, settings),
    ]
    if len(steps) == 1:
        findings.append(
            Finding(
                id="one-step",
                level="note",
                step=steps[0].step,
                message="the run has one step that can be read: nothing changes yet",
            )
        )
    return Trajectory(
        run=run.name,
        zero_handling=options.zeros,
        protocol=options.protocol,
        trim=options.trim,
        steps=tuple(measured.steps),
        models=tuple(each.shown for each in steps),
        kinds=kinds,
        slices=slices,
        settings=settings,
        progress=step_progress(settings, measured.steps),
        needs=missing_settings(settings),
        law=why_not_asked(settings),
        forces=_forces(settings, kinds, measured.steps),
        findings=by_importance(findings),
        warnings=tuple(warnings),
    )


def _forces(
    settings: RunSettings, kinds: Sequence[KindSeries], steps: Sequence[int]
) -> dict[KindKey, tuple[IntervalForces, ...]]:
    found = {}
    for kind in kinds:
        intervals = []
        for i in range(1, len(steps)):
            if kind.slices[i - 1] != kind.slices[i]:  # not the same weights
                continue
            each = interval_forces(
                settings,
                (steps[i - 1], steps[i]),
                (kind.mean_square[i - 1], kind.mean_square[i]),
            )
            if each is not None:
                intervals.append(each)
        if intervals:
            found[kind.tower, kind.kind] = tuple(intervals)
    return found
