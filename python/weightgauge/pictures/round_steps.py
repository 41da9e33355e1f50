"""Steps of rulers: how many blocks apart those are that are named."""

from __future__ import annotations


def round_step(least: float) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50, ... that is not below a number.

    Parameters
    ----------
    least : float
        A finite number.

    Returns
    -------
    int
        One at least.
    """
    power = 1
    while 5 * power < least:
        power *= 10
    return next(step * power for step in (1, 2, 5) if step * power >= least)
