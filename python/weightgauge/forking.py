"""Processes that are forked while another thread imports."""

from __future__ import annotations

import sys
import threading
import time

from weightgauge.system import before_forks

_OURS = ("weightgauge", "numpy", "scipy")
"""Packages of which parts are imported when they are first used here."""

_LIMIT_S = 5.0
_PAUSE_S = 0.002


def wait_before_forks() -> None:
    """Let forks of this process wait while another thread imports what is imported late here.

    A child has only the thread that forked it. Modules that another thread was importing stay
    locked in the child and half made, and whoever imports them there waits for ever. Modules of
    this package, and parts of NumPy and SciPy, are imported when they are first used, so that may
    be at any time. The wait ends after some seconds, because an import may itself wait for the
    fork.
    """
    before_forks(_wait)


def _wait() -> None:
    end = time.monotonic() + _LIMIT_S
    while _importing() and time.monotonic() < end:
        time.sleep(_PAUSE_S)


def _importing() -> bool:
    """Tell whether another thread holds the lock of such a module, which only Python knows."""
    locks = getattr(sys.modules.get("_frozen_importlib"), "_module_locks", {})
    for name, reference in list(locks.items()):
        if name.partition(".")[0] not in _OURS:
            continue
        owner = getattr(reference(), "owner", None)
        if owner is not None and owner != threading.get_ident():
            return True
    return False
