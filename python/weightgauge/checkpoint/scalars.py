"""Few numbers that are settings rather than weights, read from the tensors that hold them.

These are the only contents of tensors that are read outside a scan: the alpha of a low-rank adapter
decides what its product is multiplied with, and the shape of packed weights how many of their codes
are weights. Some programs keep them nowhere else.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable, Iterator

from weightgauge.checkpoint.types import Checkpoint, TensorInfo

_FLOATS = {"F16": "<e", "F32": "<f", "F64": "<d"}
_INTEGERS = {f"{sign}{bits}": sign == "I" for sign in ("I", "U") for bits in (8, 16, 32, 64)}
INTEGERS = frozenset(_INTEGERS)
FORMATS = frozenset((*_FLOATS, *_INTEGERS, "BF16"))
"""Formats of numbers that can be read."""


def read_scalars(checkpoint: Checkpoint, tensors: Iterable[TensorInfo]) -> dict[str, float]:
    """Read tensors of one element each.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where they lie.
    tensors : iterable of TensorInfo
        Of one element, in one of `FORMATS`.

    Returns
    -------
    dict of str to float
        By name, without those that lie in no file and are not in memory. NaN for what is no number.

    Raises
    ------
    FileChangedError, CheckpointError, HubError
        If a file changed, or cannot be read.
    """
    return {
        tensor.name: _number(raw, tensor.dtype) for tensor, raw in _contents(checkpoint, tensors)
    }


def read_shapes(
    checkpoint: Checkpoint, tensors: Iterable[TensorInfo]
) -> dict[str, tuple[int, ...]]:
    """Read tensors that hold shapes.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where they lie.
    tensors : iterable of TensorInfo
        Of a few integers each.

    Returns
    -------
    dict of str to tuple of int
        By name, without those that lie in no file and are not in memory.

    Raises
    ------
    FileChangedError, CheckpointError, HubError
        If a file changed, or cannot be read.
    """
    return {
        tensor.name: tuple(
            int.from_bytes(raw[at : at + item], "little", signed=_INTEGERS[tensor.dtype])
            for at in range(0, len(raw), item)
        )
        for tensor, raw in _contents(checkpoint, tensors)
        if raw and (item := tensor.nbytes // tensor.size)
    }


def read_bytes(checkpoint: Checkpoint, tensors: Iterable[TensorInfo]) -> dict[str, bytes]:
    """Read tensors that hold settings of another sort, such as texts.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where they lie.
    tensors : iterable of TensorInfo
        Of few bytes each.

    Returns
    -------
    dict of str to bytes
        By name, without those that lie in no file and are not in memory.

    Raises
    ------
    FileChangedError, CheckpointError, HubError
        If a file changed, or cannot be read.
    """
    return {tensor.name: bytes(raw) for tensor, raw in _contents(checkpoint, tensors) if raw}


def _contents(
    checkpoint: Checkpoint, tensors: Iterable[TensorInfo]
) -> Iterator[tuple[TensorInfo, bytes]]:
    """Yield tensors with their bytes, where these can be read."""
    by_shard: dict[int, list[TensorInfo]] = {}
    for tensor in tensors:
        by_shard.setdefault(tensor.shard, []).append(tensor)
    for place, wanted in by_shard.items():
        shard = checkpoint.shards[place]
        if shard.readable:
            ranges = [(tensor.offset, tensor.nbytes) for tensor in wanted]
            yield from zip(wanted, shard.read_all(ranges), strict=True)


def _number(raw: bytes, dtype: str) -> float:
    if not raw:  # another process has it
        return math.nan
    if dtype in _INTEGERS:
        return float(int.from_bytes(raw, "little", signed=_INTEGERS[dtype]))
    if dtype == "BF16":
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    return float(struct.unpack(_FLOATS[dtype], raw)[0])
