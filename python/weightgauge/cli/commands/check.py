"""`weightgauge check`: whether a model is whole and sound, for people and for gates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from weightgauge.cli.choice import Choice
from weightgauge.cli.failures import explained
from weightgauge.cli.options import (
    PATH,
    findings_options,
    model_argument,
    reading_options,
    selection_options,
)
from weightgauge.cli.output import Output
from weightgauge.errors import MissingExtraError, OutputError, OutputExistsError
from weightgauge.reporting.writers.formats import DEFAULT


@contextmanager
def _reported(output: Output, asked: dict[str, Any]) -> Iterator[None]:
    """Write a report of a check that cannot be made, too: a gate reads it, or misses it.

    Where people read the result at once, the error itself says it all.
    """
    try:
        yield
    except (OutputError, OutputExistsError, MissingExtraError, BrokenPipeError):
        raise
    except Exception as error:
        told = explained(error)
        if told is not None and (output.path is not None or output.format != DEFAULT):
            from weightgauge.health.unread import unread
            from weightgauge.reporting.views.check import check_document

            output.write_alone(check_document(unread(error, *told, **asked)))
        raise


@click.command("check", short_help="Say whether a model is whole and sound; for gates.")
@model_argument
@click.option(
    "--against",
    metavar="MODEL",
    type=PATH,
    help="Another version of the model, or a .wghist of it: compare names, forms and bytes.",
)
@click.option(
    "--identical",
    is_flag=True,
    help="Let every differing byte be a fault, also where most matrices differ.",
)
@click.option("--sha256", is_flag=True, help="Also hash the files of weights.")
@click.option(
    "--adapter", metavar="MODEL", type=PATH, help="A low-rank adapter that is to fit the model."
)
@click.option(
    "--rules",
    metavar="FILE",
    type=PATH,
    help="TOML: rules turned off, other levels and thresholds, accepted findings.",
)
@click.option(
    "--fail-on",
    type=Choice(["fault", "warning"]),
    default="fault",
    show_default=True,
    help="Least level at which the check fails.",
)
@selection_options
@reading_options
@findings_options
def command(
    model: str,
    output: Output,
    *,
    against: str | None,
    identical: bool,
    sha256: bool,
    adapter: str | None,
    rules: str | None,
    fail_on: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    threads: int | None,
    io: str,
) -> int:
    """Check whether MODEL is whole and sound: files, blocks, head, NaN, zeros, scales, tails.

    With --against, every tensor is compared with the same one of another version: what is missing,
    has another shape, or other bytes, down to a single bit. Where most matrices differ, the model
    was trained on, and differing bytes are notes unless --identical is given. What could not be
    compared, such as another format, is never a pass. MODEL is as for 'weightgauge fit'.

    Exit status: 0 nothing was found, 4 something was found at the level of --fail-on, 3 nothing was
    found but not everything could be measured, 1 the model could not be read, 2 wrong usage.

    \b
    Examples:
      weightgauge check org/name
      weightgauge check ./copy --against ./checkpoint --identical
      weightgauge check ./merged --fail-on warning --rules rules.toml
      weightgauge check ./model --format sarif -o weightgauge.sarif
      weightgauge check ./base --adapter ./adapter
    """  # noqa: D301
    if identical and against is None:
        raise click.UsageError("--identical is for --against MODEL, which is not given")
    from weightgauge.cli.progress import scan_progress
    from weightgauge.health import check
    from weightgauge.reporting.views.check import check_document

    asked = {"model": model, "against": against, "adapter": adapter, "fail_on": fail_on}
    with _reported(output, asked), scan_progress(quiet=output.quiet) as progress:
        found = check(
            model,
            against=against,
            identical=identical,
            sha256=sha256,
            adapter=adapter,
            rules=rules,
            fail_on=fail_on,
            include=include,
            exclude=exclude,
            threads=threads,
            io=io,
            progress=progress,
        )
    output.write(check_document(found))
    return found.exit_code
