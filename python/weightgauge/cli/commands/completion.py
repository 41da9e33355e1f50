"""`weightgauge completion`: the script that lets a shell complete commands, options and files."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from weightgauge.cli.choice import Choice

_SHELLS = ("bash", "zsh", "fish")


@click.command("completion", short_help="Print the script that completes in bash, zsh or fish.")
@click.argument("shell", metavar="SHELL", type=Choice(_SHELLS))
def command(shell: str) -> None:
    """Print the script with which SHELL (bash, zsh or fish) completes commands, options and files.

    \b
    Examples:
      weightgauge completion bash > ~/.local/share/bash-completion/completions/weightgauge
      weightgauge completion zsh > "${fpath[1]}/_weightgauge"
      weightgauge completion fish > ~/.config/fish/completions/weightgauge.fish
    """  # noqa: D301
    from weightgauge.cli.group import main

    made = get_completion_class(shell)
    assert made is not None  # click knows all three
    script = made(main, {}, "weightgauge", "_WEIGHTGAUGE_COMPLETE").source()
    # Of what fish is told, a name comes first; words about it, and some names, have commas too.
    click.echo(script.replace('string split ","', 'string split --max 1 ","'))
