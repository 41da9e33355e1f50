"""A progress bar on stderr, for people at a terminal."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID


@contextmanager
def scan_progress(*, quiet: bool) -> Iterator[Callable[[int, int], None] | None]:
    """Give a function to call with the progress of a scan; None if nobody would see it.

    The bar appears at the first call, so that it does not disturb the Hub client's bars while files
    are fetched. If no bar is wanted, those are switched off too.
    """
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
        yield None
        return
    bar = _Bar()
    try:
        yield bar
    finally:
        bar.stop()


class _Bar:
    """A progress bar that starts when there is something to show."""

    def __init__(self) -> None:
        self._running: tuple[Progress, TaskID] | None = None

    def __call__(self, done: int, total: int) -> None:
        if self._running is None:
            self._running = self._start(total)
        progress, task = self._running
        # A command may read the weights more than once, each time with a total of its own.
        progress.update(task, completed=done, total=total)

    def stop(self) -> None:
        """Take the bar off the terminal."""
        if self._running is not None:
            self._running[0].stop()

    @staticmethod
    def _start(total: int) -> tuple[Progress, TaskID]:
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            DownloadColumn,
            Progress,
            TextColumn,
            TimeRemainingColumn,
            TransferSpeedColumn,
        )

        progress = Progress(
            TextColumn("scanning"),
            BarColumn(),
            DownloadColumn(),
            TransferSpeedColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        progress.start()
        return progress, progress.add_task("scanning", total=total)
