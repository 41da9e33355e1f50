"""The `measure` fixture, and one table in place of pytest-benchmark's own."""

from __future__ import annotations

import os
from functools import partial

import numpy as np
import pytest

import weightgauge as wg
from against import against
from interleaving import gigahertz, interleaved
from summary import Record, saved_records, table
from workloads import MEGABYTES, THREADS

RECORDS = pytest.StashKey[list[Record]]()


def pytest_addoption(parser):
    parser.addoption("--against", metavar="EARLIER.json", help="set a saved run beside this one")


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.stash[RECORDS] = []
    # With --benchmark-verbose pytest-benchmark shows its own table.
    config.option.benchmark_quiet = True


@pytest.fixture
def measure(benchmark, request):
    """Give `interleaved` for this test's benchmark; its record becomes a row of the table."""
    yield partial(interleaved, benchmark)
    if benchmark.extra_info:
        request.config.stash[RECORDS].append(dict(benchmark.extra_info))


@pytest.fixture(params=THREADS, ids=lambda n: f"{n}-thread{'s' if n > 1 else ''}")
def threads(request) -> int:
    return request.param


def pytest_terminal_summary(terminalreporter, config):
    records = config.stash[RECORDS]
    if not records:
        return
    terminalreporter.section("weightgauge bench")
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    terminalreporter.write_line(
        f"weightgauge {wg.__version__}, NumPy {np.__version__}, arrays of {MEGABYTES:g} MB, "
        f"{len(os.sched_getaffinity(0))} processors at {gigahertz():.2f} GHz, load average {load}\n"
    )
    terminalreporter.write_line(table(records))
    if config.getoption("--against"):
        terminalreporter.section("beside the saved run")
        terminalreporter.write_line(against(records, saved_records(config.getoption("--against"))))
