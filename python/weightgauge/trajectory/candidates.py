"""From what a user names to the models of a run."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from glob import glob, has_magic
from typing import Any, NamedTuple

from weightgauge.checkpoint.hub.hub_id import HubId, parse_hub_id
from weightgauge.checkpoint.opening import no_such_path
from weightgauge.checkpoint.regular_file import is_directory, lies_at, names_in
from weightgauge.errors import RunError, UnreadableFileError, printable
from weightgauge.findings import Finding, named
from weightgauge.scanning import name_of
from weightgauge.trajectory.run_files import TRAINER_STATE, folder_of_revision, step_of_state
from weightgauge.trajectory.step_names import step_of_name

_WEIGHTS = (".safetensors", ".safetensors.index.json")
_HISTOGRAMS = ".wghist"
_UNFINISHED = ("tmp-", "tmp_", ".")  # what trainers call a checkpoint until it is complete


class Candidate(NamedTuple):
    """A model that may be a step.

    Attributes
    ----------
    model : object
        What opens it.
    step : int or None
        Its step; None where neither a name nor a trainer's state tells it.
    source : str
        Where the step comes from: "name" or "trainer_state.json".
    """

    model: Any
    step: int | None
    source: str


@dataclass
class Listing:
    """What was found.

    Attributes
    ----------
    candidates : list of Candidate
        In the order in which they were named; within a folder, by step.
    folders : list of str
        Local directories of runs.
    findings : list of Finding
        What was left out.
    """

    candidates: list[Candidate] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)


def candidates_of(asked: list[Any], *, keep_nameless: bool = False) -> Listing:
    """List the models that the items of a run stand for.

    Parameters
    ----------
    asked : list
        Paths, globs, models on the Hub with or without a pattern, or models in hand.
    keep_nameless : bool
        Whether to keep models in a folder that tell no step, because steps are given.

    Returns
    -------
    Listing

    Raises
    ------
    ModelNotFoundError
        If there is no such path and no such model.
    RunError
        If a pattern matches nothing, or a folder holds neither a model nor steps.
    HubError
        If the Hub cannot list a model's revisions.
    """
    listing = Listing()
    for item in asked:
        if not isinstance(item, str | os.PathLike):
            listing.candidates.append(Candidate(item, step_of_name(name_of(item)), "name"))
            continue
        path = os.fsdecode(item)
        if is_directory(path):
            _add_folder(listing, path, keep_nameless)
        elif lies_at(path):
            listing.candidates.append(_candidate(path))
            listing.folders.append(os.path.dirname(path) or ".")
        elif has_magic(path) and (matches := sorted(glob(path))):
            listing.candidates += sorted(map(_candidate, matches), key=_by_step)
            listing.folders += [os.path.dirname(match) or "." for match in matches[:1]]
        else:
            _add_from_hub(listing, path, keep_nameless)
    return listing


def step_of_model(model: str) -> int | None:
    """Return the step of a model that a user names; None where nothing tells it.

    Parameters
    ----------
    model : str
        A path, or a model on the Hub.
    """
    if lies_at(model):
        return _candidate(model).step
    _, at, revision = model.rpartition("@")
    return step_of_name(revision) if at else None


def _add_folder(listing: Listing, folder: str, keep_nameless: bool) -> None:
    """Add the steps in a folder, or the folder itself where it is one model."""
    own = _candidate(folder)
    inside = [_candidate(entry.path) for entry in _entries(folder) if _may_be_step(entry)]
    steps = [each for each in inside if each.step is not None]
    nameless = [each for each in inside if each.step is None]
    if own.step is not None and all(each.step == own.step for each in steps):
        # One step, which may hold the shards of an optimiser under a name with the same step.
        listing.candidates.append(own)
        listing.folders.append(os.path.dirname(os.path.abspath(folder)))
        return
    listing.folders.append(folder)
    if not steps and not (keep_nameless and nameless):
        if own.step is None and not _holds_model(folder):
            raise _no_steps(folder, nameless)
        listing.candidates.append(own)
        return
    steps += _own_model(folder, {each.step for each in steps}, nameless)
    listing.candidates += sorted(steps, key=_by_step)
    if keep_nameless:
        listing.candidates += nameless
    elif nameless:
        listing.findings.append(_left_out(nameless))


def _no_steps(folder: str, nameless: list[Candidate]) -> RunError:
    """Say what a folder lacks, and where the runs are that it may hold."""
    shown = printable(folder, limit=1000)
    if runs := _runs_within(folder):
        hint = f"It holds runs, such as {printable(runs[0], limit=1000)}: name one."
        return RunError(f"{shown}: no steps", hint=hint)
    if nameless:
        names = [os.path.basename(each.model) for each in nameless]
        return RunError(
            f"{shown}: no step can be told for {named(names)}",
            hint="Neither a name nor a trainer_state.json has it: give the steps with --steps.",
        )
    return RunError(
        f"{shown}: no steps",
        hint="It holds no model and no checkpoint such as checkpoint-500 or step-500.wghist.",
    )


def _runs_within(folder: str, depth: int = 2) -> list[str]:
    found = []
    for entry in _entries(folder):
        if not entry.is_dir() or entry.name.startswith(_UNFINISHED):
            continue
        inside = _entries(entry.path)
        if any(_may_be_step(each) and _candidate(each.path).step is not None for each in inside):
            found.append(entry.path)
        elif depth > 1:
            found += _runs_within(entry.path, depth - 1)
    return found


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise UnreadableFileError(f"cannot be listed: {error.strerror}", path=folder) from error


def _own_model(folder: str, known: set[int | None], nameless: list[Candidate]) -> list[Candidate]:
    """Return the model that a trainer leaves beside the steps where it is a step of its own."""
    if not has_weights_of_its_own(folder):
        return []
    step = step_of_state(folder)
    if step is None:
        nameless.append(Candidate(folder, None, TRAINER_STATE))
        return []
    # The trainer saves its last step twice: once as a step, and once for whoever uses the model.
    return [] if step in known else [Candidate(folder, step, TRAINER_STATE)]


def has_weights_of_its_own(folder: str) -> bool:
    """Whether a folder holds weights that are no steps by their names."""
    return any(step_of_name(name) is None for name in _files(folder, _WEIGHTS))


def _may_be_step(entry: os.DirEntry[str]) -> bool:
    if entry.name.startswith(_UNFINISHED):
        return False
    if entry.is_dir():
        return step_of_name(entry.name) is not None or _holds_model(entry.path)
    if entry.name.endswith(_HISTOGRAMS):
        return True
    return entry.name.endswith(_WEIGHTS) and step_of_name(entry.name) is not None


def _candidate(path: str) -> Candidate:
    step, source = step_of_name(os.path.basename(os.path.abspath(path))), "name"
    is_folder = is_directory(path)
    if step is None and is_folder:
        step, source = step_of_state(path), TRAINER_STATE
    if is_folder and not _holds_weights(path):
        kept = _files(path, (_HISTOGRAMS,))
        if len(kept) == 1:
            path = os.path.join(path, kept[0])
            if step is None:
                step, source = step_of_name(kept[0]), "name"
    return Candidate(path, step, source)


def _holds_model(folder: str) -> bool:
    return bool(_files(folder, (*_WEIGHTS, _HISTOGRAMS)))


def _holds_weights(folder: str) -> bool:
    return bool(_files(folder, _WEIGHTS))


def _files(folder: str, endings: tuple[str, ...]) -> list[str]:
    return [name for name in names_in(folder) if name.endswith(endings)]


def _by_step(candidate: Candidate) -> float:
    return -1 if candidate.step is None else candidate.step


def _left_out(nameless: list[Candidate]) -> Finding:
    names = [os.path.basename(str(each.model)) or str(each.model) for each in nameless]
    return Finding(
        id="step-unknown",
        level="note",
        value=len(nameless),
        message=f"left out, since no step can be told: {named(names)}",
    )


def _add_from_hub(listing: Listing, text: str, keep_nameless: bool) -> None:
    hub_id = parse_hub_id(text)
    if hub_id is None:
        if has_magic(text):
            raise RunError(f"{printable(text, limit=1000)}: nothing matches")
        raise no_such_path(text, hint="Revisions on the Hub are written org/name@step*.")
    if hub_id.revision is None or not has_magic(hub_id.revision):
        known = _of_revision(text, hub_id)
        if known.step is None and not keep_nameless:
            known = _of_state(text, hub_id)
        listing.candidates.append(known)
        return
    listing.candidates += sorted(_revisions(hub_id, listing), key=_by_step)


def _revisions(hub_id: HubId, listing: Listing) -> list[Candidate]:
    from weightgauge.checkpoint.hub.revisions import hub_revisions

    pattern = hub_id.revision or ""
    matching = [name for name in hub_revisions(hub_id) if fnmatchcase(name, pattern)]
    if not matching:
        raise RunError(f"{hub_id}: no branch and no tag of the model matches")
    found = []
    for name in matching:
        each, model = HubId(hub_id.repository, name), f"hf://{hub_id.repository}@{name}"
        known = _of_revision(model, each)
        found.append(_of_state(model, each) if known.step is None else known)
    nameless = [each for each in found if each.step is None]
    if nameless:
        listing.findings.append(_left_out(nameless))
    return [each for each in found if each.step is not None]


def _of_revision(model: str, hub_id: HubId) -> Candidate:
    step = None if hub_id.revision is None else step_of_name(hub_id.revision)
    return Candidate(model, step, "name")


def _of_state(model: str, hub_id: HubId) -> Candidate:
    folder = folder_of_revision(hub_id)
    return Candidate(model, None if folder is None else step_of_state(folder), TRAINER_STATE)
