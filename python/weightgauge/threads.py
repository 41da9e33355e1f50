"""How many threads a call uses."""

from __future__ import annotations

import os

from weightgauge import _core


def thread_budget() -> int:
    """Return the number of threads to use if the caller names none.

    Returns
    -------
    int
        Processors in the affinity mask (or in ``OMP_PLACES``, where threads are bound to places),
        at most the cgroup's CPU quota, at most ``OMP_THREAD_LIMIT``, and at most
        ``OMP_NUM_THREADS`` if that is set to a positive whole number.
    """
    budget = _core.processor_budget()
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip().lstrip("0")
    # Python refuses to convert thousands of digits; a number of so many is no limit.
    if wanted.isdecimal() and len(wanted) <= len(str(budget)):
        return min(budget, int(wanted))
    return budget


def resolve_threads(threads: int | None) -> int:
    """Return the number of threads for one call.

    Parameters
    ----------
    threads : int or None
        The number that the caller asked for; None for `thread_budget`.

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
