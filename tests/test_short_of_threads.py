"""Ctrl-C and results where the system gives few threads, or no more memory."""

from __future__ import annotations

import pytest

# A minute and more of work, with a limit that is reached on the way. An alarm stands for Ctrl-C,
# because it needs no thread to be sent. Only the children of another user than root have limits of
# threads.
LIMITED = """
import os, re, resource, signal, sys, time
import numpy as np
import weightgauge as wg

kind, most, rows = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
row = np.random.default_rng(0).normal(size=2**20).astype(np.float16)
wg.fit_weibull(np.broadcast_to(row, (8, 2**20)), threads=2)  # loads all code
if kind == "threads":
    if os.geteuid() == 0:
        os.setresuid(61_235, 61_235, 61_235)
    resource.setrlimit(resource.RLIMIT_NPROC, (most, most))
else:
    status = open("/proc/self/status").read()
    used = int(re.search(r"VmSize:\\s+(\\d+)", status)[1]) * 1024
    resource.setrlimit(resource.RLIMIT_AS, (used + most * 2**20,) * 2)

def interrupt(number, frame):
    raise KeyboardInterrupt

signal.signal(signal.SIGALRM, interrupt)
signal.setitimer(signal.ITIMER_REAL, 0.5)
begin = time.perf_counter()
try:
    wg.fit_weibull(np.broadcast_to(row, (rows, 2**20)), threads=2)
except KeyboardInterrupt:
    print("interrupted", time.perf_counter() - begin < 5)
except MemoryError:
    print("out of memory", time.perf_counter() - begin < 5)
"""


@pytest.mark.parametrize("rows", [2**19, 2**16])
@pytest.mark.parametrize("most", [0, 1, 2, 3])
def test_ctrl_c_is_answered_where_threads_cannot_be_had(run_python, most, rows):
    result = run_python(LIMITED, "threads", most, rows)
    if "Operation not permitted" in result.stderr:
        pytest.skip("this user may not become another")
    assert (result.returncode, result.stdout) == (0, "interrupted True\n"), result.stderr


@pytest.mark.parametrize("megabytes", [0, 1, 4, 8, 12, 16, 24, 80])
def test_ctrl_c_is_answered_where_memory_runs_out(run_python, megabytes):
    result = run_python(LIMITED, "memory", megabytes, 2**19)
    assert result.returncode == 0, result.stderr
    assert result.stdout in ("interrupted True\n", "out of memory True\n")
