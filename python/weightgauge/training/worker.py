"""The one thread in which a gauge counts."""

from __future__ import annotations

import threading
from collections.abc import Callable


class Worker:
    """Does one piece of work at a time beside the thread that hands it over.

    The thread is made when there is work, and ends with the process.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._job: Callable[[], None] | None = None
        self._thread: threading.Thread | None = None
        self._closed = False

    @property
    def idle(self) -> bool:
        """Whether there is nothing to do."""
        with self._changed:
            return self._job is None

    def submit(self, job: Callable[[], None]) -> None:
        """Have a piece of work done; the one before it must be done."""
        with self._changed:
            if self._closed or self._job is not None:
                raise RuntimeError("the worker is closed, or has work to do")
            self._job = job
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="weightgauge", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until there is nothing to do; tell whether that is so."""
        with self._changed:
            return self._changed.wait_for(lambda: self._job is None, timeout)

    def close(self, timeout: float | None = None) -> bool:
        """Wait for the work to be done, then end the thread; tell whether it was done in time."""
        done = self.wait(timeout)
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        return done

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closed or self._job is not None)
                job = self._job
            if job is None:
                return
            try:
                job()
            finally:
                with self._changed:
                    self._job = None
                    self._changed.notify_all()
