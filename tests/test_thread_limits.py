"""Settings and limits of threads: whatever they say, the work is done with what there is."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

# Prints the number of threads a call may use, and whether one and all threads, on work
# small enough for the caller to join in and large enough for threads alone, give the same fit.
WORK = """
import numpy as np
import weightgauge as wg
from weightgauge.threads import thread_budget

small = np.random.default_rng(0).normal(size=1_000_000).astype(np.float32)
# Beyond a gigabyte the caller only watches: rows of a million weights that share their memory.
large = np.broadcast_to(np.resize(small.astype(np.float16), 2**20), (520, 2**20))

def same(*arrays):
    return all(
        len({wg.fit_weibull(weights, threads=threads).k for threads in (1, None)}) == 1
        for weights in arrays
    )
"""
PLAIN = WORK + "print(thread_budget(), same(small, large))"
QUICK = WORK + "print(thread_budget(), same(small))"


def run(script: str, *before: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """Run a script with settings of OpenMP and no others."""
    inherited = {k: v for k, v in os.environ.items() if not k.startswith(("OMP_", "GOMP_"))}
    # NumPy's own threads take what they need at any moment, and would count in limits.
    settings.setdefault("OPENBLAS_NUM_THREADS", "1")
    return subprocess.run(
        [*before, sys.executable, "-c", script],
        env={**inherited, **settings},
        capture_output=True,
        text=True,
        timeout=240,  # only turns a hang into a failure
        check=False,
    )


def budget_of(done: subprocess.CompletedProcess[str]) -> int:
    assert done.returncode == 0, done.stderr
    budget, same = done.stdout.split()
    assert same == "True"
    return int(budget)


@pytest.fixture(scope="module")
def usual() -> int:
    return budget_of(run(PLAIN))


@pytest.mark.parametrize("number", ["0", "-1", "two", "1.5", "", "1000000000", "9" * 5000, "٣"])
def test_numbers_of_threads_that_are_none_or_too_large(number, usual):
    assert budget_of(run(QUICK, OMP_NUM_THREADS=number)) == usual


@pytest.mark.parametrize("number", ["1", " 1 ", "1,4", "0" * 5000 + "1"])
def test_a_number_of_threads_is_a_limit(number):
    assert budget_of(run(QUICK, OMP_NUM_THREADS=number)) == 1


def test_the_runtimes_own_limit_holds():
    from weightgauge import _core

    if not _core.thread_runtime()[0].startswith("OpenMP"):
        pytest.skip("built without OpenMP")
    assert budget_of(run(PLAIN, OMP_THREAD_LIMIT="1")) == 1


@pytest.mark.parametrize(
    ("bind", "places"),
    [
        *((bind, "threads") for bind in ("true", "close", "spread", "master", "false")),
        *(("close", places) for places in ("{0}", "cores", "{0},{0},{0}", "nonsense")),
    ],
)
def test_bound_threads_use_their_places(bind, places, usual):
    # A runtime that binds the first thread of the process to one place must not make the process
    # believe that it has one processor.
    budget = budget_of(run(PLAIN, OMP_PROC_BIND=bind, OMP_PLACES=places))
    assert budget <= usual
    if places == "threads":
        assert budget == usual


def test_an_affinity_mask_of_one_processor():
    processor = min(os.sched_getaffinity(0))
    assert budget_of(run(PLAIN, "taskset", "-c", str(processor))) == 1


# Limits count the threads of the user, and the superuser has none: so the script becomes a user
# of its own, where it may.
FEW_THREADS = (
    WORK
    + """
import os, resource

same(small)  # loads all code, which the other user may not be able to read
if os.geteuid() == 0:
    try:
        os.setresuid(61_234, 61_234, 61_234)
    except OSError:
        print("not allowed")
        raise SystemExit
resource.setrlimit(resource.RLIMIT_NPROC, (%d, %d))
print(thread_budget(), same(small, large))
"""
)


@pytest.mark.parametrize("most", [0, 1, 2, 3, 4])
def test_a_limit_of_threads_that_forbids_some_or_all(most, usual):
    done = run(FEW_THREADS % (most, most))
    if done.stdout == "not allowed\n":
        pytest.skip("this user may not become another")
    assert budget_of(done) == usual


STACKS = (
    WORK
    + """
import re, resource

same(small)
used = int(re.search(r"VmSize:\\s+(\\d+)", open("/proc/self/status").read())[1]) * 1024
most = used + %d * 2**20
resource.setrlimit(resource.RLIMIT_AS, (most, most))
print(thread_budget(), same(small, large))
"""
)


@pytest.mark.parametrize("megabytes", [60, 80, 100, 200])
def test_a_limit_of_memory_that_has_no_room_for_stacks(megabytes, usual):
    # Stacks of 64 MiB: the limit leaves room for none to three of them beside the tables. An arena
    # of malloc reserves as much for each thread, and could leave none for the tables.
    done = run(STACKS % megabytes, OMP_STACKSIZE="64M", MALLOC_ARENA_MAX="1")
    assert budget_of(done) == usual


@pytest.mark.parametrize("size", ["100T", "64 G", "1", "words", "99999999999999999999999"])
def test_sizes_of_stacks_that_cannot_be_had(size, usual):
    assert budget_of(run(PLAIN, OMP_STACKSIZE=size)) == usual


def test_a_stack_limit_that_forbids_threads(usual):
    shell = ["bash", "-c", 'ulimit -s 1000000000 2>/dev/null || exit 77; exec "$0" "$@"']
    done = run(PLAIN, *shell)
    if done.returncode == 77:
        pytest.skip("this user may not raise the limit")
    assert budget_of(done) == usual
