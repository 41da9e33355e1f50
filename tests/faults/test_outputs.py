"""Outputs that cannot be written: stdout that is full, closed or not read, and full disks."""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.models import write_model
from faults.shim import Fault, Server

RUNS = Path(__file__).parent.parent / "runs"
PRINTING = {
    "info": ["info"],
    "ls": ["ls", "MODEL"],
    "fit": ["fit", "MODEL"],
    "fit --json": ["fit", "MODEL", "--json"],
    "diagnose": ["diagnose", "MODEL"],
    "compare": ["compare", "MODEL", "MODEL"],
    "check": ["check", "MODEL"],
    "scan": ["scan", "MODEL", "-o", "counts.wghist", "--force"],
    "plot": ["plot", "depth", "MODEL", "-o", "depth.svg", "--force"],
    "report": ["report", "MODEL"],
    "track": ["track", str(RUNS / "wd-2")],
    "scaling": ["scaling", str(RUNS / "wd-0.5"), str(RUNS / "wd-2")],
    "reproduce": ["reproduce"],
    "demo": ["demo"],
    "completion": ["completion", "bash"],
    "help": ["--help"],
    "version": ["--version"],
    "help of a command": ["fit", "--help"],
}
CLOSED_PIPE = 141
OLD = b"what was there before"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("outputs").resolve()
    write_model(folder / "model")
    with Server(None, folder) as running:
        yield running


def test_every_command_that_prints_is_here() -> None:
    from weightgauge.cli import main

    assert main.list_commands(None) and set(main.list_commands(None)) <= PRINTING.keys()


@pytest.mark.parametrize(
    ("command", "stdout"),
    [
        *((command, "full") for command in PRINTING),
        *((command, how) for command in ("fit", "check", "scan") for how in ("closed", "broken")),
    ],
)
def test_stdout_that_takes_nothing(server: Server, command: str, stdout: str) -> None:
    model = str(server.folder / "model")
    arguments = [model if each == "MODEL" else each for each in PRINTING[command]]
    ending = server.run(arguments, Fault(), stdout=stdout)
    errors = [line for line in ending.stderr.splitlines() if line.startswith("error: ")]
    assert "Traceback" not in ending.stderr and "Exception ignored" not in ending.stderr
    if stdout == "broken":
        assert (ending.code, errors) == (CLOSED_PIPE, [])
    else:
        reason = "No space left on device" if stdout == "full" else "standard output is closed"
        assert (ending.code, len(errors)) == (1, 1), ending.stderr
        assert reason in errors[0]


FULL = """
mount -t tmpfs -o size=8k tmpfs "$1" && cd "$1" && printf '%s' "$2" > "$3" && shift 3 || exit 99
"$@"
code=$?
for name in $(ls -A); do printf '%s %s\\n' "$name" "$(wc -c < "$name")"; done
exit $code
"""
WRITING = {
    "scan": ["scan", "MODEL", "-o", "out.wghist", "--force", "-q"],
    "fit": ["fit", "MODEL", "--json", "-o", "out.json", "--force"],
}


def told_of_no_room(command: list[str], result: subprocess.CompletedProcess[str]) -> None:
    """The old file is as it was, nothing lies beside it, and one line says why."""
    name = next(each for each in command if each.startswith("out."))
    errors = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == 1 and len(errors) == 1, result.stderr
    assert name in errors[0] and ("No space left" in errors[0] or "too large" in errors[0])
    assert result.stdout == f"{name} {len(OLD)}\n"


@pytest.mark.parametrize("command", WRITING)
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, command: str) -> None:
    model, disk = write_model(tmp_path / "model"), tmp_path / "disk"
    disk.mkdir()
    if shutil.which("unshare") is None:
        pytest.skip("there is no unshare")
    arguments = [str(model) if each == "MODEL" else each for each in WRITING[command]]
    name = next(each for each in arguments if each.startswith("out."))
    own = ["unshare", "-rm", "sh", "-c", FULL, "sh", str(disk), OLD.decode(), name]
    weightgauge = [sys.executable, "-m", "weightgauge", *arguments]
    result = subprocess.run([*own, *weightgauge], capture_output=True, text=True, check=False)
    if result.returncode == 99 or "unshare" in result.stderr:
        pytest.skip("this user may not mount a small disk")
    told_of_no_room(arguments, result)


@pytest.mark.parametrize("command", WRITING)
def test_a_limit_on_files_leaves_the_old_file(tmp_path: Path, command: str) -> None:
    model, disk = write_model(tmp_path / "model"), tmp_path / "disk"
    disk.mkdir()
    arguments = [str(model) if each == "MODEL" else each for each in WRITING[command]]
    name = next(each for each in arguments if each.startswith("out."))
    (disk / name).write_bytes(OLD)
    result = subprocess.run(
        [sys.executable, "-m", "weightgauge", *arguments],
        cwd=disk,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)),
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    found = "".join(f"{each.name} {each.stat().st_size}\n" for each in sorted(disk.iterdir()))
    result.stdout += found
    told_of_no_room(arguments, result)
