"""Arguments and options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

import click
from click.shell_completion import CompletionItem

from weightgauge.anatomy.components import KINDS
from weightgauge.choices import ERRORS, IO_MODES, PER, PROTOCOLS, TRIMS, ZEROS
from weightgauge.cli.choice import Choice
from weightgauge.cli.output import Output, choose_format
from weightgauge.reporting.writers.formats import DEFAULT, format_by_suffix, offered


class PathOrName(click.ParamType):  # type: ignore[type-arg]  # generic since click 8.4
    """A file, a directory or the name of a model; a shell completes it as a file."""

    name = "text"

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[CompletionItem]:
        """Let the shell complete the names of files."""
        return [CompletionItem(incomplete, type="file")]


PATH = PathOrName()
model_argument = click.argument("model", metavar="MODEL", type=PATH)


def selection_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose tensors: `include` and `exclude`, tuples of patterns."""
    for option in (
        click.option(
            "--exclude",
            metavar="GLOB",
            multiple=True,
            help="No tensors whose name matches; may be given more than once.",
        ),
        click.option(
            "--include",
            metavar="GLOB",
            multiple=True,
            help="Only tensors whose name matches; may be given more than once.",
        ),
    ):
        command = option(command)
    return command


def reading_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that say how weights are read: `threads` and `io`."""
    for option in (
        click.option(
            "--io",
            type=Choice(IO_MODES),
            default="mmap",
            show_default=True,
            help="How files are read; pread copies each piece before it is counted, and suits "
            "network file systems and files that others write to.",
        ),
        click.option(
            "--threads",
            metavar="N",
            type=click.IntRange(min=1),
            help="Most threads to use. Default: all that this process may use.",
        ),
    ):
        command = option(command)
    return command


def kind_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that shows some kinds only: `kinds`, a tuple of their names."""
    return click.option(
        "--kind",
        "kinds",
        metavar="KIND",
        type=Choice(KINDS),
        multiple=True,
        help="Show only this kind (q, gate, norm, ...); may be given more than once. Everything is "
        "measured, and findings are about all of it.",
    )(command)


def top_option(of_what: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator that adds the option for the length of a table: `top`, or None.

    Parameters
    ----------
    of_what : str
        What help says of the rows.
    """
    return click.option("--top", metavar="N", type=click.IntRange(min=1), help=of_what)


def per_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that says what a slice is: `per`."""
    return click.option(
        "--per",
        type=Choice(PER),
        default="tensor",
        show_default=True,
        help="What one fit is made of; head: q, k, v and o by attention head.",
    )(command)


def trim_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that chooses the window of the fits: `trim`."""
    return click.option(
        "--trim",
        type=Choice(list(TRIMS)),
        default="mid_80",
        show_default=True,
        help="Share of the magnitudes that the line is fitted to.",
    )(command)


def protocol_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that chooses how fits are made: `protocol`."""
    return click.option(
        "--protocol",
        type=Choice(PROTOCOLS),
        default="order",
        show_default=True,
        help="Exact order statistics, or the 1,024 bins behind published numbers.",
    )(command)


def zeros_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that says what zeros are to the fits: `zeros`."""
    return click.option(
        "--zeros",
        type=Choice(ZEROS),
        default="exclude",
        show_default=True,
        help="Leave zeros out, or rank them below all others (pruned weights).",
    )(command)


def errors_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the option that says what standard errors come from: `errors`."""
    return click.option(
        "--errors",
        type=Choice(ERRORS),
        default="sampled",
        show_default=True,
        help="Standard errors from a sample of rows and columns, from all of them, or as if all "
        "weights were independent.",
    )(command)


def check_zeros(zeros: str, protocol: str) -> None:
    """Refuse zeros that are to be censored by the published protocol, before anything is read."""
    if zeros == "censor" and protocol == "paper":
        raise click.UsageError(
            "--zeros censor is for --protocol order: the published protocol leaves zeros out"
        )


def output_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options for the result's form and place; the command gets one `output`."""
    return _with_output(command, findings=False)


def findings_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the same options for a command whose result is findings, with the forms for those."""
    return _with_output(command, findings=True)


def saving_options(
    metavar: str, text: str, *, required: bool = True
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return a decorator for commands that make a file: `path`, `force` and `quiet`.

    Parameters
    ----------
    metavar : str
        What help calls the file.
    text : str
        What help says of it.
    required : bool
        Whether it has to be named.
    """

    def decorated(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in (
            click.option("-q", "--quiet", is_flag=True, help="No progress, no notes."),
            click.option("--force", is_flag=True, help="Replace an existing file."),
            click.option(
                "-o",
                "--output",
                "path",
                metavar=metavar,
                type=PATH,
                required=required,
                help=text,
            ),
        ):
            command = option(command)
        return command

    return decorated


def place_of(path: str | None, *, force: bool) -> str | None:
    """Return the file that a result goes to, None for stdout, which "-" names as well.

    Raises
    ------
    click.UsageError
        If `force` is to replace a file, and none is named.
    """
    if force and path is None:
        raise click.UsageError("--force is for --output FILE, which is not given")
    return None if path == "-" else path


class _FormChoice(Choice):
    """A form of results, by its name or by the ending of files that have it, such as `txt`."""

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the name of the form."""
        named = None if "." in value else format_by_suffix(f"x.{value}", findings=True)
        return super().convert(named if named in self.choices else value, param, ctx)


def _with_output(command: Callable[..., Any], *, findings: bool) -> Callable[..., Any]:
    @click.option(
        "--format",
        "asked_format",
        type=_FormChoice(offered(findings=findings)),
        help=f"Form of the result. Default: by the name of the output file, else {DEFAULT}.",
    )
    @click.option("--json", "as_json", is_flag=True, help="The same as --format json.")
    @click.option(
        "-o",
        "--output",
        "path",
        metavar="FILE",
        type=PATH,
        help="Write the result to FILE, compressed if the name ends in .gz; an existing file is "
        "left alone.",
    )
    @click.option("--force", is_flag=True, help="Let --output replace an existing file.")
    @click.option("--wide", is_flag=True, help="Let tables be wider than the terminal.")
    @click.option(
        "-v",
        "--verbose",
        is_flag=True,
        help="Show all findings, and all rows of tables that are cut short.",
    )
    @click.option("-q", "--quiet", is_flag=True, help="Only the result: no progress, no notes.")
    @wraps(command)
    def with_output(
        *args: Any,
        asked_format: str | None,
        as_json: bool,
        path: str | None,
        force: bool,
        quiet: bool,
        verbose: bool,
        wide: bool,
        **options: Any,
    ) -> Any:
        if quiet and verbose:
            raise click.UsageError("--quiet and --verbose contradict each other")
        path = place_of(path, force=force)
        chosen = choose_format(asked_format, json=as_json, path=path, findings=findings)
        output = Output(chosen, path, force, quiet, verbose, wide)
        with output.kept():
            return command(*args, output=output, **options)

    return with_output
