"""The digest of a tensor's bytes, negative elements and blocks of zeros, in plain NumPy."""

from __future__ import annotations

import numpy as np

PAGE, LANES, STRIPE = 2048, 8, 64
_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def _scrambled(x: int) -> int:
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & _MASK
    return x ^ (x >> 31)


def _drawn(first: int, odd: int = 0) -> np.ndarray:
    """Eight numbers of SplitMix64 with the seed 0."""
    return np.array(
        [_scrambled((first + i) * _GOLDEN & _MASK) | odd for i in range(LANES)], np.uint64
    )


def page_words(data: bytes) -> list[int]:
    """Return the word of each page, one for an unfinished page at the end."""
    padded = data + bytes(-len(data) % PAGE)
    numbers = np.frombuffer(padded, "<u8").reshape(-1, PAGE // STRIPE, LANES)
    stripes = np.arange(PAGE // STRIPE, dtype=np.uint64)[:, None]
    mixed = numbers ^ (_drawn(1) + stripes * _drawn(9, odd=1))
    low, high = mixed & np.uint64(0xFFFFFFFF), mixed >> np.uint64(32)
    lanes = (mixed + low * high).sum(axis=1, dtype=np.uint64)
    sums = (lanes * _drawn(17, odd=1)).sum(axis=1, dtype=np.uint64)
    return [_scrambled((int(each) + _GOLDEN * page) & _MASK) for page, each in enumerate(sums)]


def digest(data: bytes) -> str:
    """Return the digest in hexadecimal."""
    return f"{(sum(page_words(data)) + (len(data) + 1) * _GOLDEN) & _MASK:016x}"


def zero_blocks(data: bytes) -> int:
    """Count whole blocks of zeros."""
    whole = len(data) // PAGE * PAGE
    blocks = np.frombuffer(data[:whole], np.uint8).reshape(-1, PAGE)
    return int((~blocks.any(axis=1)).sum())
