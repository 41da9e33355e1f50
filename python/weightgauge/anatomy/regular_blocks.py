"""Blocks that are of another sort than the rest, at a fixed distance."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise


def is_regular(blocks: Sequence[int], members: Sequence[int]) -> bool:
    """Whether members return at a fixed distance: every third block, or two of every five."""
    steps = {after - before for before, after in pairwise(members)}
    if len(members) > 2 and len(steps) == 1 and steps != {1}:
        return True
    pattern = [block in members for block in blocks]
    return any(pattern[period:] == pattern[:-period] for period in range(2, len(pattern) // 2 + 1))
