"""Where the settings of a run are found: its trainer's files, a TOML file beside it, options."""

from __future__ import annotations

import math
import os
import tomllib
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from weightgauge.checkpoint.regular_file import lies_at
from weightgauge.errors import OutputError, RunError, printable
from weightgauge.readings import opened
from weightgauge.trajectory.optimizers import optimizer_of
from weightgauge.trajectory.run_files import TOML, TRAINER_STATE, TRAINING_ARGS, read_json_object
from weightgauge.trajectory.settings import MOST_RATE, MOST_STEPS, SETTINGS, RunSettings

OPTIONS = "options"
"""The source of settings that the caller gave."""

ARGUMENTS = (
    *("optim", "learning_rate", "weight_decay", "max_steps"),
    *("lr_scheduler_type", "lr_scheduler_kwargs", "warmup_steps", "warmup_ratio"),
)
"""What is read of the arguments of the trainer of transformers."""

_MOST_TOML = 1_000_000
_PLAIN_SCHEDULES = {
    "constant": ("constant", 1.0),
    "constant_with_warmup": ("constant", 1.0),
    "linear": ("linear", 0.0),
    "cosine": ("cosine", 0.0),
}


def run_settings(folders: Sequence[str], options: Mapping[str, Any] | None = None) -> RunSettings:
    """Collect the settings of a run.

    Each source overrides those before it: `trainer_state.json`, `training_args.json`,
    `weightgauge.toml`, options. A file is taken from the first folder that has it, but the
    trainer's state from the last, whose log is the longest.

    Parameters
    ----------
    folders : sequence of str
        Local directories: that of the run, then that of its last step.
    options : mapping, optional
        Settings by name; None for what is not given.

    Returns
    -------
    RunSettings

    Raises
    ------
    RunError
        If `weightgauge.toml` cannot be read, or a setting in it or in the options is unknown or has
        a value that it cannot have. What trainers left never raises.
    """
    state, args = _first(reversed(folders), TRAINER_STATE), _first(folders, TRAINING_ARGS)
    logged = _logged(state)
    found = {TRAINER_STATE: _of_state(state, logged)}
    found[TRAINING_ARGS] = _of_arguments(args, found[TRAINER_STATE].get("steps"))
    for folder in folders:
        if lies_at(path := os.path.join(folder, TOML)):
            found[path] = _of_toml(path)
            break
    found[OPTIONS] = _checked(options or {}, OPTIONS)
    values, sources = {}, {}
    for source, settings in found.items():
        for name, value in settings.items():
            values[name], sources[name] = value, source
    return RunSettings(**values, logged=logged, sources=MappingProxyType(sources))


def _first(folders: Any, name: str) -> dict[str, Any]:
    return next(filter(None, (read_json_object(folder, name) for folder in folders)), {})


def _logged(state: Mapping[str, Any]) -> tuple[tuple[int, float], ...]:
    history = state.get("log_history")
    rates = {}
    for entry in history if isinstance(history, list) else []:
        step, rate = (entry.get("step"), entry.get("learning_rate")) if _is_map(entry) else (0, 0)
        if not (isinstance(step, int) and isinstance(rate, int | float)):
            continue
        if 0 <= step <= MOST_STEPS and 0 <= rate <= MOST_RATE:
            rates[step] = float(rate)
    return tuple(sorted(rates.items()))


def _of_state(state: Mapping[str, Any], logged: Sequence[tuple[int, float]]) -> dict[str, Any]:
    peak = max((rate for _, rate in logged), default=0.0)
    return _possible({"steps": state.get("max_steps"), "lr": peak})


def _of_arguments(args: Mapping[str, Any], steps: int | None) -> dict[str, Any]:
    found = _possible(
        {
            "optimizer": args.get("optim"),
            "lr": args.get("learning_rate"),
            "weight_decay": args.get("weight_decay"),
            "steps": args.get("max_steps"),
        }
    )
    steps = found.get("steps", steps)
    warmup = args.get("warmup_steps")
    if not warmup and isinstance(ratio := args.get("warmup_ratio"), float):
        warmup = ratio
    if isinstance(warmup, float) and 0 < warmup < 1:  # a share of the run
        warmup = None if steps is None else math.ceil(warmup * steps)
    elif isinstance(warmup, float) and warmup.is_integer():
        warmup = int(warmup)
    kind, more = args.get("lr_scheduler_type"), args.get("lr_scheduler_kwargs")
    schedule, final = _schedule(
        str(kind), more if isinstance(more, Mapping) else {}, found.get("lr")
    )
    found |= _possible({"warmup": warmup, "schedule": schedule, "final": final})
    return found


def _schedule(
    kind: str, more: Mapping[str, Any], lr: float | None
) -> tuple[str | None, float | None]:
    """Schedule and final share by the trainer's name for them; None for a schedule of its own."""
    if kind in _PLAIN_SCHEDULES:
        return _PLAIN_SCHEDULES[kind]
    if kind != "cosine_with_min_lr":
        return None, None
    share, least = more.get("min_lr_rate"), more.get("min_lr")
    if share is None and isinstance(least, int | float) and lr:
        share = least / lr
    return (None, None) if share is None else ("cosine", share)


def _possible(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Keep the settings that can be: a trainer writes -1 for what it was not told, and the like."""
    kept = {}
    for name, value in settings.items():
        try:
            RunSettings(**{name: value})
        except RunError:
            continue
        if value is not None:
            kept[name] = value
    return kept


def _of_toml(path: str) -> dict[str, Any]:
    shown = printable(path, limit=1000)
    try:
        with open(path, "rb") as file:
            opened(os.fstat(file.fileno()), path)
            document = tomllib.loads(file.read(_MOST_TOML).decode())
    except OutputError:
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{shown}: cannot be read: {printable(str(error))}") from error
    if unknown := sorted(document.keys() - {"training"}):
        raise RunError(f"{shown}: unknown: {printable(unknown[0])}; there is one table, [training]")
    training = document.get("training", {})
    if not _is_map(training):
        raise RunError(f"{shown}: training must be a table, [training]")
    return _checked(training, shown)


def _checked(settings: Mapping[str, Any], source: str) -> dict[str, Any]:
    given = {name: value for name, value in settings.items() if value is not None}
    if unknown := [name for name in given if name not in SETTINGS]:
        raise RunError(
            f"{source}: unknown setting {printable(str(unknown[0]))}",
            hint=f"The settings are {', '.join(SETTINGS)}.",
        )
    try:
        RunSettings(**given)
    except RunError as error:
        raise RunError(f"{source}: {error.problem}") from error
    if "optimizer" in given and (known := optimizer_of(given["optimizer"])) is not None:
        given["optimizer"] = known.name
    return given


def _is_map(value: Any) -> bool:
    return isinstance(value, Mapping)
