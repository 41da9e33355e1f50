"""Spellings of values that are neither a number nor a word, and of numbers with their nouns."""

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


def counted(number: int, one: str, several: str = "") -> str:
    """Return a number with its noun, which agrees with it.

    Examples
    --------
    >>> counted(1, "tensor"), counted(1200, "tensor"), counted(2, "bias", "biases")
    ('1 tensor', '1,200 tensors', '2 biases')
    """
    return f"{number:,} {one if number == 1 else several or f'{one}s'}"
