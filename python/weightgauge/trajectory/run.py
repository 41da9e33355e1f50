"""A run: the models of one training, each with its step."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from glob import has_magic
from typing import Any

from weightgauge.checkpoint.hub.hub_id import parse_hub_id
from weightgauge.checkpoint.regular_file import is_directory, lies_at
from weightgauge.errors import RunError, WeightgaugeError, printable
from weightgauge.findings import Finding, named
from weightgauge.trajectory.candidates import (
    Candidate,
    candidates_of,
    has_weights_of_its_own,
)
from weightgauge.trajectory.run_files import folder_of_revision
from weightgauge.wording import agreeing, counted

LARGEST_STEP = 10**15


@dataclass(frozen=True, slots=True)
class StepModel:
    """A model and its step.

    Attributes
    ----------
    step : int
        Optimiser steps that were done.
    model : str, os.PathLike, ModelHistograms or ModelFit
        What `weightgauge.fit` takes, or what it returned.
    source : str
        Where the step comes from: "name", "trainer_state.json" or "given".
    """

    step: int
    model: Any
    source: str

    @property
    def shown(self) -> str:
        """What to call the model."""
        return model_name(self.model)


@dataclass(frozen=True, slots=True)
class Run:
    """The models of one training.

    Attributes
    ----------
    name : str
        What was asked for.
    steps : tuple of StepModel
        In the order of steps, each step once; at least one.
    folders : tuple of str
        Local directories where settings of the run may lie, the run's own first, then that of its
        last step; of a revision on the Hub, what was fetched of the files beside its weights.
    findings : tuple of Finding
        Steps that occur twice, and what was left out.
    """

    name: str
    steps: tuple[StepModel, ...]
    folders: tuple[str, ...]
    findings: tuple[Finding, ...]


def find_run(run: Any, *, steps: Sequence[int] | None = None) -> Run:
    """Find the steps of a run; no weight is read or fetched.

    Parameters
    ----------
    run : str, os.PathLike, sequence or mapping
        A folder of steps; a glob; revisions on the Hub by a pattern (``org/name@step*``); one
        model; a sequence of these; or models by step. Steps are read off names (``checkpoint-500``,
        ``step500``, ``global_step500``, ``iter_0000500``, ``epoch=1-step=500``, ``500``), else off
        the `trainer_state.json` beside the weights.
    steps : sequence of int, optional
        The steps of the models, in the order in which they are named, where neither tells them.

    Returns
    -------
    Run

    Raises
    ------
    RunError
        If there is no model, or no step can be told for one that was named.
    ModelNotFoundError, HubError
        If there is no such path, or the Hub cannot list a model's revisions.
    """
    findings: list[Finding] = []
    if isinstance(run, Mapping):
        if steps is not None:
            raise RunError("models by step have their steps; steps= is for those without")
        found = [StepModel(_checked(step), model, "given") for step, model in run.items()]
        folders: list[str] = []
        name = named([model_name(model) for model in run.values()])
    else:
        asked = list(run) if _is_sequence(run) else [run]
        listed = candidates_of(asked, keep_nameless=steps is not None)
        findings += listed.findings
        found = _with_steps(listed.candidates, steps)
        folders = listed.folders
        name = named([model_name(each) for each in asked])
    if not found:
        raise RunError(
            f"{name or 'the run'}: no steps",
            hint="A run is a folder of checkpoints such as checkpoint-500, or a list of them.",
        )
    ordered = _once(found, findings)
    folders += _folder_of(ordered[-1].model)
    return Run(name, tuple(ordered), tuple(dict.fromkeys(folders)), tuple(findings))


def run_named_by(model: object) -> Run | None:
    """Return the run that a user names, or None for what is rather a model; no weight is read.

    Parameters
    ----------
    model : object
        A path or glob, or whatever else is no run.

    Returns
    -------
    Run or None
        The run for a glob, for revisions by a pattern, and for a folder with several steps and no
        model beside them.

    Raises
    ------
    RunError, ModelNotFoundError, HubError
        As for `find_run`, of a glob or pattern.
    """
    if not isinstance(model, str | os.PathLike):
        return None
    path = os.fsdecode(model)
    if not lies_at(path):
        return find_run(path) if has_magic(path) else None
    if not is_directory(path) or has_weights_of_its_own(path):
        return None
    with suppress(WeightgaugeError):  # what it lacks is told by whoever opens it
        found = find_run(path)
        return found if len(found.steps) > 1 else None
    return None


def _folder_of(model: Any) -> list[str]:
    """Return the folder of a step, where settings may lie beside its weights."""
    if not isinstance(model, str | os.PathLike):
        return []
    path = os.fsdecode(model)
    if lies_at(path):
        return [path] if is_directory(path) else []
    with suppress(WeightgaugeError):  # a step that cannot be had is told when it is read
        hub_id = parse_hub_id(path)
        folder = None if hub_id is None else folder_of_revision(hub_id)
        return [] if folder is None else [folder]
    return []


def model_name(model: Any) -> str:
    """Return what to call a model, safe to show."""
    from weightgauge.scanning import name_of

    return printable(name_of(model), limit=1000)


def _is_sequence(run: Any) -> bool:
    return isinstance(run, Sequence) and not isinstance(run, str | bytes)


def _checked(step: Any) -> int:
    if isinstance(step, bool) or not isinstance(step, int) or not 0 <= step <= LARGEST_STEP:
        raise RunError(f"a step is a whole number from 0 on, not {step!r}")
    return step


def _with_steps(candidates: Sequence[Candidate], steps: Sequence[int] | None) -> list[StepModel]:
    if steps is not None:
        if len(steps) != len(candidates):
            raise RunError(
                f"{counted(len(steps), 'step')} {agreeing(len(steps))} given for "
                f"{counted(len(candidates), 'model')}"
            )
        return [
            StepModel(_checked(step), each.model, "given")
            for step, each in zip(steps, candidates, strict=True)
        ]
    unknown = [model_name(each.model) for each in candidates if each.step is None]
    if unknown:
        raise RunError(
            f"no step can be told for {named(unknown)}",
            hint="Neither a name nor a trainer_state.json has it: give the steps with --steps.",
        )
    return [StepModel(_checked(each.step), each.model, each.source) for each in candidates]


def _once(found: list[StepModel], findings: list[Finding]) -> list[StepModel]:
    """Sort by step and keep the first model of each, telling of the others."""
    kept: dict[int, StepModel] = {}
    for each in found:
        first = kept.setdefault(each.step, each)
        if first is not each:
            findings.append(
                Finding(
                    id="duplicate-step",
                    level="warning",
                    step=each.step,
                    message=f"step {each.step:,} twice: {first.shown} is read, {each.shown} is not",
                )
            )
    return [kept[step] for step in sorted(kept)]
