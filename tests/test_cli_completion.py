"""Completion in shells, and what is said where a command is misspelt."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

import click
import pytest

from kept_models import run
from weightgauge.cli import main

SHELLS = ("bash", "zsh", "fish")


def completed(*words):
    """What bash gets for the last of several words."""
    environment = {
        **os.environ,
        "_WEIGHTGAUGE_COMPLETE": "bash_complete",
        "COMP_WORDS": " ".join(("weightgauge", *words)),
        "COMP_CWORD": str(len(words)),
    }
    program = "import sys; sys.argv[0] = 'weightgauge'; from weightgauge.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    return done.stdout.split()


@pytest.mark.parametrize("shell", SHELLS)
def test_the_script_is_one_of_the_shell(shell):
    result = run("completion", shell)
    assert (result.exit_code, result.stderr) == (0, "")
    assert f"_WEIGHTGAUGE_COMPLETE={shell}_complete" in result.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=result.stdout, text=True, check=True)


def test_another_shell_is_refused():
    result = run("completion", "tcsh")
    assert result.exit_code == 2 and "bash" in result.stderr


def test_commands_and_options_are_completed():
    assert completed("fi") == ["plain,fit"]
    assert "plain,--trim" in completed("fit", "--t")
    assert completed("fit", "--trim", "mid_8") == ["plain,mid_80"]


@pytest.mark.parametrize(
    "words",
    [
        *(("fit", "m"), ("fit", "a", "m"), ("compare", "a", "m"), ("ls", "m"), ("track", "m")),
        *(("fit", "-o", "m"), ("check", "--against", "m"), ("check", "--rules", "m")),
        *(("diagnose", "--baseline", "m"), ("scan", "a", "-o", "m"), ("scaling", "m")),
        ("reproduce", "--model", "m"),
    ],
    ids=" ".join,
)
def test_files_are_completed_by_the_shell(words):
    assert completed(*words) == ["file,m"]


@pytest.mark.parametrize(
    ("typed", "meant"), [("fti", "fit"), ("diagnos", "diagnose"), ("lss", "ls")]
)
def test_the_nearest_command_is_named(typed, meant):
    result = run(typed, "model")
    assert result.exit_code == 2 and f"did you mean '{meant}'" in result.stderr


def test_a_command_like_none_is_only_refused():
    result = run("\x1b[31mquux", "model")
    assert result.exit_code == 2 and "did you mean" not in result.stderr
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize("command", main.list_commands(click.Context(main)))
def test_the_nearest_option_is_named(command):
    parameters = main.get_command(click.Context(main), command).params
    options = [name for each in parameters for name in each.opts if name.startswith("--")]
    for name in [*options, "--help"]:
        typed = f"{name[:-2]}{name[-1]}{name[-2]}" if name[-1] != name[-2] else f"{name}x"
        result = run(command, typed)
        assert result.exit_code == 2 and f"'{name}'" in result.stderr, typed
