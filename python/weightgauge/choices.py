"""The choices that a caller has for fits, scans and reading; each word and number is stated once.

The command line reads the tables before NumPy is imported, so this module imports nothing large.
"""

from __future__ import annotations

from collections.abc import Collection
from types import MappingProxyType
from typing import NamedTuple


class Trim(NamedTuple):
    """The part of the magnitudes that the line is fitted to.

    Attributes
    ----------
    low, high : float
        Plotting positions between which a magnitude enters the regression, both included.
    gaussian_k : float
        Shape k of the fit to infinitely many normally distributed weights.
    """

    low: float
    high: float
    gaussian_k: float


TRIMS = MappingProxyType(
    {
        "mid_80": Trim(0.10, 0.90, 1.205434319017451),
        "mid_90": Trim(0.05, 0.95, 1.190922610383650),
        "full": Trim(0.00, 1.00, 1.151066590718255),
    }
)
"""Windows of plotting positions by name."""

PROTOCOLS = ("order", "paper")
"""Exact order statistics, or the 1,024 bins with which published numbers were made."""

ZEROS = ("exclude", "censor")
"""What zeros are to a fit: left out, or magnitudes below all others (left-censored), which have the
lowest ranks; for pruned weights."""

PER = ("tensor", "head", "expert")
"""What one slice is."""

ERRORS = ("sampled", "full", "independent")
"""Standard errors of matrices, from some rows and columns or from all; or, from the counts alone,
those of weights that are independent of each other."""

IO_MODES = ("mmap", "pread")
"""How files are read: mapped into memory, or piece by piece."""

POOR_R2 = 0.95
"""With an R2 below this, the probability plot is no straight line, and k and lambda say little."""


_MOST_COMPARED = 10_000
_LONGEST_COMPARED = 200


def check_choice(name: str, value: str, choices: Collection[str]) -> None:
    """Raise ValueError unless `value` is one of `choices`, naming them."""
    if value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        near = nearest(value, choices)
        meant = f"; did you mean {near!r}?" if near else ""
        raise ValueError(f"{name} must be one of {allowed}, not {value!r}{meant}")


def nearest(typed: object, known: Collection[str]) -> str | None:
    """Return the known word that somebody may have meant, or None.

    Parameters
    ----------
    typed : object
        What was given; only a text is like a word.
    known : collection of str
        All words. Among more than 10,000 nobody has the time to look.
    """
    if not isinstance(typed, str) or len(known) > _MOST_COMPARED:
        return None
    from difflib import get_close_matches

    return next(iter(get_close_matches(typed[:_LONGEST_COMPARED], known, n=1)), None)
