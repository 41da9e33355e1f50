"""Spellings of values that are neither a number nor a word."""

from __future__ import annotations

from collections.abc import Sequence


def shape_text(shape: Sequence[int]) -> str:
    """Return a shape as 384x1536; a scalar has none."""
    return "x".join(map(str, shape))


def range_text(ends: Sequence[float]) -> str:
    """Return the ends of a range as 0.76..0.99, with all their digits."""
    return "..".join(map(str, ends))


def part_text(numbers: tuple[int, int]) -> str:
    """Show how many of how many: "3 of 6", or "6" where it is all."""
    part, whole = numbers
    return f"{whole:,}" if part == whole else f"{part:,} of {whole:,}"
