"""How many threads a call uses."""

from __future__ import annotations

import os

from weightgauge import _core


def thread_budget() -> int:
    """Threads used where the caller names no number.

    Returns
    -------
    int
        Processors in the affinity mask, capped by the cgroup's CPU quota, and by
        ``OMP_NUM_THREADS`` where that is set to a positive whole number.
    """
    budget = _core.processor_budget()
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        return min(budget, int(wanted))
    return budget


def resolve_threads(threads: int | None) -> int:
    """Return the number of threads for one call.

    Parameters
    ----------
    threads : int or None
        What the caller asked for; None for the budget.

    Returns
    -------
    int
        At least 1 and at most the processors this process may use. Results never depend on it.

    Raises
    ------
    ValueError
        `threads` is not a positive whole number.
    """
    if threads is None:
        return thread_budget()
    if isinstance(threads, bool) or not isinstance(threads, int) or threads < 1:
        raise ValueError(f"threads must be a positive whole number, not {threads!r}")
    return min(threads, _core.processor_budget())
