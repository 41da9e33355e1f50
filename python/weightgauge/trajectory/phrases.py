"""Pieces of sentences."""

from __future__ import annotations

from collections.abc import Sequence


def enumerated(words: Sequence[str]) -> str:
    """Join words as a sentence does.

    Examples
    --------
    >>> enumerated(["--lr", "--warmup", "--final"])
    '--lr, --warmup and --final'
    """
    *first, last = words
    return f"{', '.join(first)} and {last}" if first else last
