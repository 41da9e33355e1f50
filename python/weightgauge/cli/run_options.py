"""Options that say how a run was trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from weightgauge.cli.choice import Choice

_OPTIONS: dict[str, tuple[str, Any, str]] = {
    "optimizer": ("NAME", click.STRING, "Optimiser, such as adamw, lion or muon."),
    "lr": ("RATE", click.FLOAT, "Peak learning rate."),
    "weight_decay": ("W", click.FLOAT, "Weight decay."),
    "schedule": (
        "[constant|cosine|linear]",
        Choice(["constant", "cosine", "linear"]),
        "Learning rate after its peak.",
    ),
    "final": (
        "SHARE",
        click.FLOAT,
        "Learning rate at the end, as a share of the peak. Default: 1, 0.1 and 0.",
    ),
    "warmup": ("T", click.INT, "Steps of linear warm-up to the peak."),
    "total_steps": ("T", click.INT, "Steps for which the schedule was made."),
}
"""Metavariable, type and help of each setting, by its name in `weightgauge.track`."""


def _for_each_run(type_of_one: Any) -> Callable[..., Any]:
    """Return a callback that reads one value, or one for each run; an empty one is None."""

    def read(context: click.Context, option: click.Parameter, text: str | None) -> Any:
        if text is None:
            return None
        texts = [each.strip() for each in text.split(",")]
        found = [type_of_one.convert(each, option, context) if each else None for each in texts]
        return found if len(found) > 1 else found[0]

    return read


def settings_options(*, for_each_run: bool = False, where: str = "") -> Callable[..., Any]:
    """Add the settings of a run; the command gets one `settings`, as for `weightgauge.track`.

    Parameters
    ----------
    for_each_run : bool
        Whether an option may also have a value for each run, separated by commas.
    where : str
        What help says before each option; "" for nothing.
    """

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(command)
        def with_settings(*args: Any, **options: Any) -> Any:
            settings = {name: options.pop(name) for name in _OPTIONS}
            return command(*args, settings=settings, **options)

        for name, (metavar, type_of_one, text) in reversed(_OPTIONS.items()):
            text = f"{where}{text}"
            flag = f"--{name.replace('_', '-')}"
            if for_each_run:
                each = _for_each_run(type_of_one)
                option = click.option(flag, metavar=f"{metavar},...", callback=each, help=text)
            else:
                option = click.option(flag, metavar=metavar, type=type_of_one, help=text)
            with_settings = option(with_settings)
        return with_settings

    return decorated
