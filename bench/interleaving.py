"""Measure a call and others in turn, so that each ratio compares runs that are neighbours in time.

A shared machine changes its speed from second to second; a call and the one right before it meet
about the same machine. So ratios are formed round by round, and their spread says how far to
trust them.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any

import numpy as np

from machine import measure_clock

SECONDS = 1.5  # that the rounds of one benchmark take
FEWEST, MOST = 3, 25


@dataclass(frozen=True)
class Beside:
    """A call measured before each round.

    `faster` turns the ratio round: how much faster this call is than the one measured, rather
    than which share of this call's speed the one measured reaches.
    """

    call: Callable[[], object]
    faster: bool = False


def interleaved(
    benchmark: Any,
    call: Callable[[], Any],
    beside: dict[str, Beside],
    *,
    group: str,
    what: str,
    threads: int | None,
    nbytes: int,
    elements: int,
    slices: int | None = None,
) -> Any:
    """Measure `call`, put the record into the benchmark's `extra_info`, return what it returned."""
    took: dict[str, list[float]] = {name: [] for name in beside}
    processor: list[float] = []

    def timed() -> Any:
        start = process_time()
        result = call()
        processor.append(process_time() - start)
        return result

    def before() -> None:
        for name, other in beside.items():
            took[name].append(_seconds(other.call))

    if benchmark.disabled:
        return benchmark.pedantic(call)
    before()  # this also warms up
    once = _seconds(call) + sum(times[0] for times in took.values())
    for times in took.values():
        times.clear()
    rounds = min(MOST, max(FEWEST, int(SECONDS / once)))
    benchmark.group = group
    result = benchmark.pedantic(timed, setup=before, rounds=rounds)
    seconds = np.array(benchmark.stats.stats.data)
    busy = np.array(processor[-rounds:]) / seconds / (threads or 1)
    ratios = {}
    for name, other in beside.items():
        share = np.array(took[name]) / seconds
        ratios[name] = spread(1 / share if other.faster else share)
    benchmark.extra_info.update(
        group=group,
        what=what,
        threads=threads,
        nbytes=nbytes,
        elements=elements,
        slices=slices,
        rounds=rounds,
        seconds=spread(seconds),
        busy=spread(busy),
        ratios=ratios,
        ghz=gigahertz(),
    )
    return result


def _seconds(call: Callable[[], object]) -> float:
    start = perf_counter()
    call()
    return perf_counter() - start


def spread(values: np.ndarray) -> dict[str, float]:
    """Smallest value, median and interquartile range."""
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    return {"min": float(values.min()), "median": float(median), "iqr": float(high - low)}


def gigahertz() -> float:
    """Return the processor's clock, from the user or measured as dependent steps a second."""
    return float(os.environ.get("WEIGHTGAUGE_BENCH_GHZ") or measure_clock() / 1e9)
