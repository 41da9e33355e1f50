"""Options that say how a run was trained."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

_NAMES = ("optimizer", "lr", "weight_decay", "schedule", "final", "warmup", "total_steps")


def settings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the settings of a run; the command gets one `settings`, as for `weightgauge.track`."""

    @click.option("--optimizer", metavar="NAME", help="Optimiser, such as adamw, lion or muon.")
    @click.option("--lr", metavar="RATE", type=float, help="Peak learning rate.")
    @click.option("--weight-decay", metavar="W", type=float, help="Weight decay.")
    @click.option(
        "--schedule",
        type=click.Choice(["constant", "cosine", "linear"]),
        help="Learning rate after its peak.",
    )
    @click.option(
        "--final",
        metavar="SHARE",
        type=float,
        help="Learning rate at the end, as a share of the peak. Default: 1, 0.1 and 0.",
    )
    @click.option("--warmup", metavar="T", type=int, help="Steps of linear warm-up to the peak.")
    @click.option(
        "--total-steps", metavar="T", type=int, help="Steps for which the schedule was made."
    )
    @wraps(command)
    def with_settings(*args: Any, **options: Any) -> Any:
        settings = {name: options.pop(name) for name in _NAMES}
        return command(*args, settings=settings, **options)

    return with_settings
