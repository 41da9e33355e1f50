"""Pieces of arrays that do not lie in C order: where their elements are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Strided(NamedTuple):
    """Elements of an array in bytes.

    Attributes
    ----------
    offset : int
        The first of them, from the lowest byte of the array.
    dims : tuple of (int, int)
        Extent and stride of each dimension; strides are positive.
    """

    offset: int
    dims: tuple[tuple[int, int], ...]


def c_strides(shape: Sequence[int]) -> tuple[int, ...]:
    """Return the strides, in elements, of an array in C order.

    Examples
    --------
    >>> c_strides((2, 3, 4))
    (12, 4, 1)
    """
    strides = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def in_c_order(shape: Sequence[int], strides: Sequence[int], item: int) -> bool:
    """Tell whether elements of `item` bytes lie side by side in C order."""
    usual = c_strides(shape)
    return 0 in shape or all(
        extent == 1 or stride == step * item
        for extent, stride, step in zip(shape, strides, usual, strict=True)
    )


_NO_MEMORY_BYTES = 2**57  # no processor has addresses for as many


def reaches_beyond_memory(start: int, shape: Sequence[int], strides: Sequence[int]) -> bool:
    """Tell whether elements would lie where no memory can be, as strides that overflow say.

    Examples
    --------
    >>> reaches_beyond_memory(4096, (2, 3), (12, 4))
    False
    >>> reaches_beyond_memory(4096, (3, 3), (2**62, 4))
    True
    """
    if 0 in shape:
        return False
    spans = [stride * (extent - 1) for extent, stride in zip(shape, strides, strict=True)]
    below = -sum(span for span in spans if span < 0)
    return below > start or below + sum(span for span in spans if span > 0) >= _NO_MEMORY_BYTES


def overlapping(shape: Sequence[int], strides: Sequence[int], item: int) -> bool:
    """Tell whether two elements may share a byte, as in an array that was expanded."""
    dims = sorted((abs(stride), n) for n, stride in zip(shape, strides, strict=True) if n > 1)
    span = item
    for stride, n in dims:
        if stride < span:
            return True
        span += (n - 1) * stride
    return False


def strided(
    first: int,
    dims: Sequence[tuple[int, int]],
    shape: Sequence[int],
    strides: Sequence[int],
) -> Strided | None:
    """Find a piece of an array whose elements lie as its strides say.

    Parameters
    ----------
    first : int
        First element of the piece, counted in C order.
    dims : sequence of (int, int)
        Extents and strides of the piece, in elements in C order.
    shape : sequence of int
        Of the array.
    strides : sequence of int
        Of the array, in bytes; some may be negative.

    Returns
    -------
    Strided or None
        None where the piece does not follow the dimensions of the array.

    Examples
    --------
    >>> strided(0, ((2, 12),), (4, 6), (4, 16))  # rows 0 and 2 of a transposed array, at column 0
    Strided(offset=0, dims=((2, 8),))
    """
    usual = c_strides(shape)
    offset = sum(-step * (n - 1) for n, step in zip(shape, strides, strict=True) if step < 0)
    for step, stride in zip(usual, strides, strict=True):
        place, first = divmod(first, step)
        offset += place * stride
    found: list[tuple[int, int]] = []
    for extent, step in dims:
        parts = along(extent, step, shape, usual)
        if parts is None:
            return None
        for count, times, dimension in parts:
            stride = times * strides[dimension]
            if stride < 0:
                offset += stride * (count - 1)
            found.append((count, abs(stride)))
    return Strided(offset, tuple(found))


def along(
    extent: int, step: int, shape: Sequence[int], usual: Sequence[int]
) -> list[tuple[int, int, int]] | None:
    """Split steps in C order into steps along dimensions.

    Parameters
    ----------
    extent, step : int
        So many elements, so far from each other in C order.
    shape, usual : sequence of int
        Of the array, and its strides in C order.

    Returns
    -------
    list of (int, int, int) or None
        How many, how far, and along which dimension; None where they follow no dimensions.
    """
    parts: list[tuple[int, int, int]] = []
    while extent > 1:
        known = [i for i, n in enumerate(shape) if n > 1 and step % usual[i] == 0]
        if not known:
            return None
        # The dimension in which such a step stays.
        dimension = next((i for i in known if step < usual[i] * shape[i]), None)
        if dimension is None:
            return None
        times = step // usual[dimension]
        room = -(-shape[dimension] // times)
        count = min(extent, room)
        parts.append((count, times, dimension))
        if extent > count and (extent % count or shape[dimension] % times):
            return None
        extent //= count
        step = usual[dimension] * shape[dimension]
    return parts
