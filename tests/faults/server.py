"""Run commands of weightgauge in forked children of which one call of the C library fails.

Started with the shim loaded before all else. Jobs come on stdin and results go to stdout, a line
of JSON each. What commands import is imported before, so that a child takes some hundredths of a
second and only calls of the command itself can fail.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import mmap
import os
import select
import signal
import struct
import sys

SHARED = mmap.mmap(-1, mmap.PAGESIZE)
"""What the shim tells of a child: calls of each kind that have counted, and whether one failed."""

LAYOUT = "<12q"
SIZE = struct.calcsize(LAYOUT)


def child(job: dict) -> None:
    """Become the command of a job; never return."""
    for number, path in enumerate((os.devnull, job["said"], job["told"])):
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC
        opened = os.open(path, flags if number else os.O_RDONLY, 0o600)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(job["folder"])
    set_stdout(job["stdout"])
    from weightgauge.cli import main

    if job["kind"]:
        arm(job)
    sys.argv = ["weightgauge", *job["arguments"]]
    main(prog_name="weightgauge")


def set_stdout(how: str) -> None:
    """Let stdout be a device without room, closed, or a pipe that nobody reads."""
    if how == "full":
        os.dup2(os.open("/dev/full", os.O_WRONLY), 1)
    elif how == "closed":  # as Python leaves it where it starts without one
        os.close(1)
        sys.stdout = None
    elif how == "broken":
        reader, writer = os.pipe()
        os.dup2(writer, 1)
        os.close(reader)
        os.close(writer)


def arm(job: dict) -> None:
    """Tell the shim which call has to fail. It counts until the very end of the process."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(SHARED))
    page = ctypes.addressof(ctypes.c_char.from_buffer(SHARED))
    call = ctypes.CDLL(None).fault_arm
    call.argtypes = [ctypes.c_int, ctypes.c_long, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    call.argtypes += [ctypes.c_void_p]
    call(job["kind"], job["n"], job["errno"], os.fsencode(job["marked"]), job["all_memory"], page)


def learn(job: dict) -> None:
    """Import what a command imports, found out in a child."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            child({**job, "kind": 0})
        except SystemExit:
            os.write(writer, " ".join(sys.modules).encode()[:60_000])
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    for name in os.read(reader, 65_536).decode().split():
        if name.startswith(("weightgauge", "numpy", "rich", "click", "json", "scipy")):
            importlib.import_module(name)
    os.close(reader)
    os.close(writer)


def ended(pid: int, limit_s: float) -> int | None:
    """Wait for a child; return how it ended, None where it had to be killed."""
    handle = os.pidfd_open(pid)
    in_time = select.select([handle], [], [], limit_s)[0]
    os.close(handle)
    if not in_time:
        os.kill(pid, signal.SIGKILL)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) if in_time else None


def main() -> None:
    """Answer jobs until there are no more."""
    answers = os.fdopen(os.dup(1), "w")
    for line in os.fdopen(os.dup(0)):
        job = json.loads(line)
        if job["learn"]:
            learn(job)
            print("{}", file=answers, flush=True)
            continue
        SHARED[:SIZE] = bytes(SIZE)
        pid = os.fork()
        if pid == 0:
            child(job)
        code = ended(pid, job["limit_s"])
        *seen, failed = struct.unpack(LAYOUT, SHARED[:SIZE])
        print(json.dumps({"code": code, "seen": seen, "failed": failed}), file=answers, flush=True)


main()
