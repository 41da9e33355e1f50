"""The shim that makes one call of the C library fail, and commands that run under it."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

HERE = Path(__file__).parent
COMPILER = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++")

KINDS: dict[str, tuple[int, ...]] = {
    "open": (errno.EIO, errno.EMFILE),
    "read": (errno.EIO,),
    "pread": (errno.EIO, errno.EINTR),
    "mmap": (errno.ENOMEM,),
    "stat": (errno.EIO, errno.ENOMEM),
    "write": (errno.ENOSPC, errno.EINTR),
    "fsync": (errno.EIO,),
    "rename": (errno.EIO, errno.EXDEV),
    "memory": (errno.ENOMEM,),
    "thread": (errno.EAGAIN,),
}
"""Kinds of calls, in the order of the shim's numbers, and what they fail with."""


NUMBERS = {"": 0, **{kind: i + 1 for i, kind in enumerate(KINDS)}, "counting": len(KINDS) + 1}
"""The shim's numbers; one of them only counts."""


def build(folder: Path) -> Path:
    """Compile the shim; return the library."""
    library = folder / "shim.so"
    flags = ["-std=c++17", "-O2", "-shared", "-fPIC", "-o", library]
    subprocess.run([str(COMPILER), *flags, HERE / "shim.cpp"], check=True)
    return library


@dataclass(frozen=True)
class Fault:
    """Which call fails with what; `kind` "" for none, "counting" to have them counted."""

    kind: str = ""
    n: int = 0
    error: int = 0
    marked: str = ""
    all_memory: bool = False


@dataclass(frozen=True)
class Ending:
    """How a command ended; `code` is None where it had to be killed for want of an end."""

    code: int | None
    seen: dict[str, int]
    failed: bool
    stdout: str
    stderr: str


class Server:
    """A process that runs commands in children, each with one fault; see `server.py`."""

    def __init__(self, shim: Path | None, folder: Path) -> None:
        self.folder = folder
        self._said, self._told = folder / "stdout.txt", folder / "stderr.txt"
        settings = {"OPENBLAS_NUM_THREADS": "1", "PYTHONHASHSEED": "0"}
        settings |= {"LD_PRELOAD": str(shim)} if shim else {}
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "server.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **settings},
            text=True,
        )

    def learn(self, arguments: list[str]) -> None:
        """Run a command to find out what it imports, and import that before the next ones."""
        self._asked(arguments, Fault(), learn=True)

    def run(
        self,
        arguments: list[str],
        fault: Fault,
        *,
        limit_s: float = 120.0,
        stdout: str = "",
    ) -> Ending:
        """Run a command with a fault, and kill it after so many seconds.

        `stdout` may be "full", "closed" or "broken": a device without room, none at all, or a pipe
        that nobody reads.
        """
        answer = self._asked(arguments, fault, learn=False, limit_s=limit_s, stdout=stdout)
        return Ending(
            code=answer["code"],
            seen=dict(zip(KINDS, answer["seen"][1:], strict=True)),
            failed=bool(answer["failed"]),
            stdout=self._said.read_text(errors="replace"),
            stderr=self._told.read_text(errors="replace"),
        )

    def _asked(
        self,
        arguments: list[str],
        fault: Fault,
        *,
        learn: bool,
        limit_s: float = 120.0,
        stdout: str = "",
    ) -> dict[str, Any]:
        assert self._process.stdin is not None and self._process.stdout is not None
        job = {
            "arguments": arguments,
            "folder": str(self.folder),
            "kind": NUMBERS[fault.kind],
            "n": fault.n,
            "errno": fault.error,
            "marked": fault.marked,
            "all_memory": fault.all_memory,
            "said": str(self._said),
            "told": str(self._told),
            "learn": learn,
            "limit_s": limit_s,
            "stdout": stdout,
        }
        print(json.dumps(job), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
