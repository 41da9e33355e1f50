"""What one call to the Hub may take."""

from __future__ import annotations

from weightgauge.checkpoint.hub import limits


class Allowance:
    """What one call may take.

    Parameters
    ----------
    size : int
        Bytes of the longest file that it may fetch.
    seconds : float
        How long it may take in all.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self.size = size
        self.seconds = seconds
        self.pages = 0
        self.over = False


in_force: list[Allowance] = []
"""Those of the calls that are under way; whose answer is whose is not known."""


def small_files() -> Allowance:
    """Return what is allowed to a call that fetches no weights."""
    return Allowance(limits.MOST_FILE_BYTES, limits.MOST_SECONDS)


def weights(size: int) -> Allowance:
    """Return what is allowed to a call that fetches a file of weights of a known size."""
    return Allowance(size, limits.MOST_SECONDS + size / limits.SLOWEST)
