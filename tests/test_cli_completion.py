"""Completion in shells, and what is said where a command is misspelt."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys

import click
import pytest

from kept_models import run
from weightgauge import demo
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


def test_what_fish_tells_of_a_command_does_not_end_at_a_comma():
    script = run("completion", "fish").stdout
    parted = re.findall(r"string split\b[^);]*", script)
    assert len(parted) == 1 and "--max 1 " in parted[0]
    if shutil.which("fish"):
        line = "plain,diagnose\tJudge a model: regimes, outliers"
        program = parted[0].replace("$completion", f"'{line}'")
        done = subprocess.run(["fish", "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout == line.replace(",", "\n", 1) + "\n"


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
        assert result.exit_code == 2 and f" {name}" in result.stderr.replace("'", ""), typed


def choices_of(command):
    """What names one of several words, option or argument, with a word that it takes."""
    for each in main.get_command(click.Context(main), command).params:
        words = each.type.choices if isinstance(each.type, click.Choice) else ()
        yield from ((each, word) for word in words if len(word) > 2)


@pytest.mark.parametrize("command", main.list_commands(click.Context(main)))
def test_the_nearest_choice_is_named(command):
    for parameter, word in choices_of(command):
        typed = f"{word}x"
        given = [typed] if isinstance(parameter, click.Argument) else [parameter.opts[0], typed]
        result = run(command, *given, "model")
        assert result.exit_code == 2 and f"Did you mean '{word}'?" in result.stderr, typed


def test_a_choice_like_none_is_only_refused():
    result = run("fit", "model", "--trim", "\x1b[31mquux")
    assert result.exit_code == 2 and "'mid_90'" in result.stderr
    assert "Did you mean" not in result.stderr and "\x1b" not in result.stderr


@pytest.mark.parametrize("command", ["fit", "track"])
def test_the_nearest_path_is_named(command, tmp_path, monkeypatch):
    (tmp_path / "step-1.safetensors").touch()
    (tmp_path / "\x1bred").mkdir()
    monkeypatch.chdir(tmp_path)
    for typed, meant in (
        ("step-1.safetensor", "step-1.safetensors"),
        (f"{tmp_path}/step-1.saftensors", f"{tmp_path}/step-1.safetensors"),
        ("\x1brex", "\\x1bred"),
    ):
        result = run(command, typed)
        assert result.exit_code == 1 and f"Did you mean '{meant}'?" in result.stderr, typed
    assert "Did you mean" not in run(command, "other").stderr


def test_a_path_that_could_be_a_name_on_the_hub_is_told_as_well(tmp_path, monkeypatch):
    """What is like org/name is looked for on the Hub, and may have been meant as a path."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "step-1.safetensors").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    result = run("fit", "run/step-1.safetensor")
    assert result.exit_code == 1 and "could not be reached" in result.stderr
    assert "Did you mean 'run/step-1.safetensors'?" in result.stderr
    assert "Did you mean" not in run("fit", "org/step-1.safetensor").stderr


def test_the_nearest_tensor_is_named():
    model = str(demo.paths()["step-0"])
    for command in ("fit", "ls"):
        told = run(command, model, "--include", "lm_head.weigth").stderr
        assert "include='lm_head.weigth'; did you mean 'lm_head.weight'?" in told, command
        patterns = (("*.weigth",), ("other",), ("lm_head.weight", "--exclude", "lm_*"))
        for pattern in patterns:
            told = run(command, model, "--include", *pattern).stderr
            assert "is left by" in told and "did you mean" not in told, pattern


def test_a_folder_of_saved_counts_is_told_to_be_a_run(tmp_path):
    for step in (1, 2):
        (tmp_path / f"step-{step}.wghist").touch()
    result = run("fit", str(tmp_path))
    assert result.exit_code == 1
    assert f"name one of them: '{tmp_path}/step-1.wghist', '" in result.stderr
    assert f"weightgauge track {tmp_path}" in result.stderr
