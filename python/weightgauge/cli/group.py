"""The command group: imports commands when they are called, and turns results into exit codes.

`weightgauge --help` answers at once because nothing here, and no command's module, imports NumPy,
rich, the Hub's client or the extension at its top: commands import what they use when they run.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import click

from weightgauge.choices import nearest
from weightgauge.cli.failures import closed_pipe_told, exit_code
from weightgauge.errors import printable

_COMMANDS = {
    "fit": "weightgauge.cli.commands.fit",
    "diagnose": "weightgauge.cli.commands.diagnose",
    "compare": "weightgauge.cli.commands.compare",
    "check": "weightgauge.cli.commands.check",
    "report": "weightgauge.cli.commands.report",
    "track": "weightgauge.cli.commands.track",
    "scaling": "weightgauge.cli.commands.scaling",
    "scan": "weightgauge.cli.commands.scan",
    "plot": "weightgauge.cli.commands.plot",
    "ls": "weightgauge.cli.commands.ls",
    "reproduce": "weightgauge.cli.commands.reproduce",
    "info": "weightgauge.cli.commands.info",
    "demo": "weightgauge.cli.commands.demo",
    "completion": "weightgauge.cli.commands.completion",
}


class CommandLine(click.Group):
    """Commands by name, each imported when it is first asked for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of the commands, the main job first."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command."""
        module = _COMMANDS.get(cmd_name)
        if module is None:
            return None
        command: click.Command = import_module(module).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is asked for; the nearest one is named where there is none."""
        if args[0] not in _COMMANDS and (near := nearest(args[0], _COMMANDS)):
            ctx.fail(f"there is no command '{printable(args[0])}'; did you mean '{near}'?")
        return super().resolve_command(ctx, args)

    def make_context(self, *args: Any, **extra: Any) -> click.Context:
        """Parse the command line, which may print a help page."""
        with closed_pipe_told():
            return super().make_context(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        _check_environment()
        with closed_pipe_told():
            return super().invoke(ctx)

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        **extra: Any,
    ) -> Any:
        """Run the program and, unless `standalone_mode` is off, exit with its code."""

        def call() -> Any:
            return click.Group.main(
                self, args, prog_name, complete_var, standalone_mode=False, **extra
            )

        if not standalone_mode:
            return call()
        sys.exit(exit_code(call))


def _check_environment() -> None:
    """Refuse a setting now that the core would refuse in the middle of the work."""
    level = os.environ.get("WEIGHTGAUGE_KERNELS")
    if not level:
        return
    from weightgauge import _core

    try:
        _core.use_kernels(level)
    except ValueError as error:
        raise click.UsageError(str(error)) from None


def _show_version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        from importlib.metadata import version

        click.echo(f"weightgauge {version('weightgauge')}")
        ctx.exit()


@click.group(
    cls=CommandLine,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_show_version,
    help="Show the version and exit.",
)
def main() -> None:
    """Measure the weights of a neural network.

    weightgauge fits a two-parameter Weibull distribution to the magnitudes of every weight matrix
    of a safetensors checkpoint. The shape k is 1.2054 for Gaussian weights and 1.3751 for uniform
    ones; training moves it, by an amount that differs from matrix to matrix.

    \b
    Examples:
      weightgauge demo                          what training does to k, on the bundled model
      weightgauge fit model.safetensors         the fit of a file
      weightgauge fit org/name --json           of a model on the Hub, for programs
      weightgauge ls ./checkpoint               what is in a directory of shards

    \b
    Exit codes:
      0  done
      1  the input, the network or the output failed
      2  the command line is wrong
      3  done, but some tensors could not be measured
      4  'check' found a fault (or a warning, with --fail-on warning)
      70 a bug in weightgauge
      130 interrupted
    """  # noqa: D301
