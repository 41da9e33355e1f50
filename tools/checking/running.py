"""Commands that a check runs, and how it fails."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
if sys.platform == "linux":
    PROCESSORS = len(os.sched_getaffinity(0))
else:
    PROCESSORS = os.cpu_count() or 1


class Failed(Exception):
    """A check does not hold; the details have been printed."""


def environment() -> dict[str, str]:
    """Return this process's environment with the tools of this interpreter found first."""
    tools = str(Path(sys.executable).parent)
    return os.environ | {"PATH": tools + os.pathsep + os.environ.get("PATH", "")}


def run(
    command: Sequence[str | Path], settings: Mapping[str, str] | None = None, *, quiet: bool = False
) -> None:
    """Run a command in the root folder; with `quiet` it only prints when it fails."""
    words = [str(word) for word in command]
    print("$", shlex.join(words), flush=True)
    pipe = subprocess.PIPE if quiet else None
    try:
        done = subprocess.run(
            words,
            cwd=ROOT,
            env=environment() | dict(settings or {}),
            stdout=pipe,
            stderr=subprocess.STDOUT if quiet else None,
            text=True,
            check=False,
        )
    except FileNotFoundError as error:
        raise Failed(f"{words[0]} is not installed: pip install '.[dev,test]'") from error
    if done.returncode != 0:
        print(done.stdout or "", end="", flush=True)
        raise Failed(f"{words[0]} ended with exit code {done.returncode}")


def output_of(*command: str) -> str:
    """Return what a command prints."""
    try:
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=True
        )
    except (FileNotFoundError, subprocess.CalledProcessError) as error:
        raise Failed(f"{shlex.join(command)} does not work: pip install '.[dev,test]'") from error
    return done.stdout.strip()
