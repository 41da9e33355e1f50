"""Whether a command shows its progress, and what the Hub's client shows beside it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from weightgauge.progress import progress_bar


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
    with progress_bar() as bar:
        yield bar
