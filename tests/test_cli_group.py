"""The program as a whole: help, exit codes, errors, what is imported when."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys

import click
import pytest
from click.testing import CliRunner

import weightgauge
from made_fits import same_as_golden
from weightgauge import errors
from weightgauge.choices import IO_MODES, PROTOCOLS, TRIMS
from weightgauge.cli import main
from weightgauge.cli.failures import HINTS, exit_code

COMMANDS = (
    *("fit", "diagnose", "compare", "check", "report", "track", "scaling", "scan", "plot", "ls"),
    *("reproduce", "info", "demo", "completion"),
)


def run(*arguments):
    return CliRunner().invoke(main, arguments, prog_name="weightgauge")


def raising(error):
    def call():
        raise error

    return call


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_pages(command):
    result = CliRunner().invoke(
        main,
        [*command.split(), "--help"],
        prog_name="weightgauge",
        terminal_width=100,
    )
    assert (result.exit_code, result.stderr) == (0, "")
    assert "Examples:" in result.stdout
    assert same_as_golden(f"help{'-' if command else ''}{command}.txt", result.stdout)


def test_help_lists_the_commands_and_exit_codes():
    text = run("-h").stdout
    for command in COMMANDS:
        assert f"\n  {command} " in text
    for code in ("0", "1", "2", "3", "4", "70", "130"):
        assert f"\n    {code} " in text


@pytest.mark.parametrize("command", ["info", "fit"])
def test_unknown_instruction_set_is_a_wrong_setting_not_a_bug(command, minilm):
    arguments = [command, str(minilm)] if command == "fit" else [command]
    done = subprocess.run(
        [sys.executable, "-m", "weightgauge", *arguments],
        env={**os.environ, "WEIGHTGAUGE_KERNELS": "sse9"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "WEIGHTGAUGE_KERNELS='sse9'" in done.stderr
    assert "portable" in done.stderr
    assert "bug" not in done.stderr


def test_version():
    result = run("--version")
    assert result.stdout == f"weightgauge {weightgauge.__version__}\n"
    assert result.exit_code == 0


@pytest.mark.parametrize(
    "arguments",
    [
        *([], ["fits"], ["fit"], ["ls", "a", "b"], ["fit", "m", "--trim", "mid_70"]),
        *(["fit", "m", "--threads", "0"], ["fit", "m", "--io", "tape"], ["ls", "--bad"]),
        *(["fit", "m", "--json", "--format", "csv"], ["fit", "m", "--force"]),
    ],
)
def test_wrong_command_lines_exit_with_2(arguments):
    result = run(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "Usage:" in result.stderr


def test_choices_are_those_of_the_library():
    fit = main.get_command(click.Context(main), "fit")
    choices = {option.name: getattr(option.type, "choices", None) for option in fit.params}
    assert tuple(choices["trim"]) == tuple(TRIMS)
    assert tuple(choices["protocol"]) == PROTOCOLS
    assert tuple(choices["io"]) == IO_MODES


def error_classes(base):
    for child in base.__subclasses__():
        yield child
        yield from error_classes(child)


def test_every_error_of_the_package_is_in_the_table():
    for kind in error_classes(errors.WeightgaugeError):
        assert any(issubclass(kind, listed) for listed, _ in HINTS), kind


@pytest.mark.parametrize(
    ("error", "first", "hint"),
    [
        (errors.HeaderError("bad", path="m"), "error: m: bad", "fetch or save it again"),
        (
            errors.NotACheckpointError("is a GGUF file", path="m"),
            "error: m: is a GGUF file",
            "MODEL is",
        ),
        (errors.IndexFileError("no", path="i"), "error: i: no", "of one save"),
        (errors.ModelNotFoundError("m: is not there"), "error: m: is not there", "MODEL is"),
        (errors.HubError("m: refused", hint="Log in."), "error: m: refused", "hint: Log in."),
        (errors.FileChangedError("m: shrank"), "error: m: shrank", "run again"),
        (errors.OutputExistsError("f exists"), "error: f exists", "--force"),
        (errors.MissingExtraError("pandas", "pandas"), "error: pandas is not installed", None),
        (PermissionError(13, "Permission denied", "m"), "error: m: Permission denied", None),
        (OSError(28, "No space left on device"), "error: No space left on device", None),
        (MemoryError(), "error: out of memory", "--threads"),
    ],
)
def test_expected_errors_are_one_line_and_a_hint(error, first, hint, capsys):
    assert exit_code(raising(error)) == 1
    out, err = capsys.readouterr()
    lines = err.splitlines()
    assert out == ""
    assert lines[0].startswith(first)
    assert len(lines) == (1 if hint is None else 2)
    if hint is not None:
        assert lines[1].startswith("hint: ")
        assert hint in lines[1]
        assert hint.removeprefix("hint: ") not in lines[0]


def test_a_bug_is_told_as_one(capsys, monkeypatch):
    monkeypatch.delenv("WEIGHTGAUGE_DEBUG", raising=False)
    assert exit_code(raising(KeyError("x"))) == 70
    err = capsys.readouterr().err
    assert err.startswith("error: KeyError: 'x'")
    assert "WEIGHTGAUGE_DEBUG=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("WEIGHTGAUGE_DEBUG", "1")
    assert exit_code(raising(KeyError("x"))) == 70
    assert "Traceback" in capsys.readouterr().err


@pytest.mark.parametrize("error", [KeyboardInterrupt(), click.Abort()])
def test_interrupted(error, capsys):
    assert exit_code(raising(error)) == 130
    assert capsys.readouterr().err == "interrupted\n"


def test_foreign_text_in_an_error_is_inert_and_one_line(capsys):
    assert exit_code(raising(OSError(2, "none", "a\x1b[31m\nb\u202e"))) == 1
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert err.rstrip("\n").isprintable()


def test_closed_pipe_is_silent(capsys):
    assert exit_code(raising(BrokenPipeError(32, "Broken pipe"))) == 141
    assert capsys.readouterr() == ("", "")


def test_exit_codes_of_calls():
    assert exit_code(lambda: None) == 0
    assert exit_code(lambda: 3) == 3


def test_no_stdout_at_all(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdout", None)
    assert exit_code(lambda: None) == 0


HEAVY = ("numpy", "scipy", "rich", "huggingface_hub", "safetensors", "pandas")
IMPORTED = """
import json, sys
from weightgauge.cli import main
try:
    main(sys.argv[1:], prog_name="weightgauge")
except SystemExit as end:
    assert end.code == 0, end.code
print(json.dumps(sorted(sys.modules)), file=sys.stderr)
"""


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["fit", "--help"], ["ls", "--help"]]
)
def test_help_imports_nothing_heavy(run_python, arguments):
    result = run_python(IMPORTED, *arguments)
    assert result.returncode == 0, result.stderr
    modules = set(json.loads(result.stderr.splitlines()[-1]))
    assert not modules & {*HEAVY, "weightgauge._core"}


def test_commands_add_nothing_heavy_to_the_package(run_python):
    bare = run_python("import json, sys, weightgauge; print(json.dumps(sorted(sys.modules)))")
    result = run_python(IMPORTED, "--help")
    added = set(json.loads(result.stderr.splitlines()[-1])) - set(json.loads(bare.stdout))
    assert not added & {*HEAVY, "weightgauge._core"}
    assert "weightgauge.cli.commands.fit" in added


def test_fit_imports_no_hub_client_for_a_local_file(run_python, minilm):
    result = run_python(IMPORTED, "fit", str(minilm), "--include", "*layer.0*query.weight", "-q")
    modules = set(json.loads(result.stderr.splitlines()[-1]))
    assert not modules & {"huggingface_hub", "pandas", "safetensors", "rich"}


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_pipe_closed_by_the_reader(tmp_path, write_checkpoint, unbuffered):
    tensors = {f"t{i}.{'x' * 80}": ("U8", (1,), b"0") for i in range(5000)}
    path = write_checkpoint(tmp_path / "m.safetensors", tensors)
    with subprocess.Popen(
        [sys.executable, "-m", "weightgauge", "ls", str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    ) as process:
        process.stdout.read(10)
        process.stdout.close()
        err = process.stderr.read()
        assert process.wait(timeout=120) == 141
    assert err == b""


@pytest.mark.parametrize("arguments", [["--help"], ["fit", "--help"], ["info"]])
def test_pipe_closed_from_the_start(arguments):
    read, write = os.pipe()
    os.close(read)
    try:
        result = subprocess.run(
            [sys.executable, "-m", "weightgauge", *arguments],
            stdout=write,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    finally:
        os.close(write)
    assert (result.returncode, result.stderr) == (141, b"")


def test_a_pickle_is_one_line_and_the_command_that_converts_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"PK\x03\x04" + bytes(60))
    for model in ("pytorch_model.bin", "."):
        error, hint = run("fit", model).stderr.splitlines()
        assert error.startswith(f"error: {model}: ") and "PyTorch pickle" in error
        assert len(error) < 160
        assert hint.startswith("hint: ") and "torch.load" in hint


def test_full_device_is_an_error_not_a_crash(minilm):
    with open("/dev/full", "wb") as full:
        result = subprocess.run(
            [sys.executable, "-m", "weightgauge", "ls", str(minilm)],
            stdout=full,
            stderr=subprocess.PIPE,
            timeout=120,
            check=False,
        )
    assert result.returncode == 1
    assert result.stderr.splitlines() == [
        b"error: cannot write the result: No space left on device"
    ]


def test_stream_that_cannot_spell_the_result(monkeypatch):
    from weightgauge.cli.output import Output
    from weightgauge.reporting.document import Document

    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii"))
    Output("human", None, force=False, quiet=False).write(Document(title="k ± se größe"))
    assert raw.getvalue() == b"k +- se gr\\xf6\\xdfe\n"


def test_the_option_most_like_a_wrong_one_is_named():
    found = run("fit", "model", "--mpa")
    assert found.exit_code == 2 and "--map" in found.stderr and "--format" not in found.stderr
