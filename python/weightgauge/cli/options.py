"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click

from weightgauge.cli.output import FORMATS, Output, choose_format

model_argument = click.argument("model", metavar="MODEL")


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of the result's form and place; the command gets one `output`."""

    @click.option(
        "--format",
        "asked_format",
        type=click.Choice(FORMATS),
        help="Form of the result. Default: by the name of the output file, else human.",
    )
    @click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
    @click.option(
        "-o",
        "--output",
        "path",
        metavar="FILE",
        help="Write the result to FILE; an existing file is left alone.",
    )
    @click.option("--force", is_flag=True, help="Let --output replace an existing file.")
    @click.option("-q", "--quiet", is_flag=True, help="Only the result: no progress, no notes.")
    @wraps(command)
    def with_output(
        *args: Any,
        asked_format: str | None,
        as_json: bool,
        path: str | None,
        force: bool,
        quiet: bool,
        **options: Any,
    ) -> Any:
        if force and path is None:
            raise click.UsageError("--force is for --output FILE, which is not given")
        path = None if path == "-" else path
        chosen = choose_format(asked_format, json=as_json, path=path)
        return command(*args, output=Output(chosen, path, force, quiet), **options)

    return with_output
