"""A progress bar for people: at a terminal on stderr, in a notebook in the cell."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

_STEPS = 100
"""Parts of the whole after which the bar in a notebook is drawn anew."""


class _Bar(Protocol):
    """Something that is called with what is done and what is to be done, and goes away."""

    def __call__(self, done: int, total: int) -> None: ...

    def stop(self) -> None:
        """Go away."""


@contextmanager
def progress_bar() -> Iterator[Callable[[int, int], None] | None]:
    """Give a function that shows the progress of a scan, to be handed on as `progress`.

    The bar appears at the first call and goes away at the end. Whoever reads weights more than once
    shows each time anew.

    Yields
    ------
    callable or None
        Takes bytes done and bytes in all; None where nobody would see it.

    Examples
    --------
    >>> import weightgauge as wg
    >>> from weightgauge import demo
    >>> with wg.progress_bar() as progress:
    ...     fit = wg.fit(demo.paths()["step-0"], progress=progress)
    """
    display = _display_of_notebook()
    bar: _Bar
    if display is not None:
        bar = _CellBar(display)
    elif sys.stderr is not None and sys.stderr.isatty():
        bar = _TerminalBar()
    else:
        yield None
        return
    try:
        yield bar
    finally:
        bar.stop()


def _display_of_notebook() -> Any:
    """Return IPython's module for output where this runs in the kernel of a notebook."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    if getattr(shell, "kernel", None) is None:
        return None
    from IPython import display  # type: ignore[import-not-found, unused-ignore]

    return display


class _CellBar:
    """A bar of HTML, which needs no widgets."""

    def __init__(self, display: Any) -> None:
        self._display = display
        self._handle: Any = None
        self._shown = -1

    def __call__(self, done: int, total: int) -> None:
        step = _STEPS * done // max(total, 1)
        if step == self._shown:
            return
        self._shown = step
        bar = self._display.HTML(
            f'<progress value="{done}" max="{total}"></progress> '
            f"{done / 1e6:,.1f} of {total / 1e6:,.1f} MB"
        )
        if self._handle is None:
            self._handle = self._display.display(bar, display_id=True)
        else:
            self._handle.update(bar)

    def stop(self) -> None:
        """Take the bar out of the cell."""
        if self._handle is not None:
            self._handle.update(self._display.HTML(""))


class _TerminalBar:
    """A bar of rich, which starts when there is something to show."""

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
