"""Single numbers that are settings rather than weights, read from the tensors that hold them.

These are the only contents of tensors that are read outside a scan: the alpha of a low-rank adapter
decides what its product is multiplied with, and some programs keep it nowhere else.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterable

from weightgauge.checkpoint.types import Checkpoint, TensorInfo

_FLOATS = {"F16": "<e", "F32": "<f", "F64": "<d"}
_INTEGERS = {f"{sign}{bits}": sign == "I" for sign in ("I", "U") for bits in (8, 16, 32, 64)}
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
    by_shard: dict[int, list[TensorInfo]] = {}
    for tensor in tensors:
        by_shard.setdefault(tensor.shard, []).append(tensor)
    found: dict[str, float] = {}
    for place, wanted in by_shard.items():
        shard = checkpoint.shards[place]
        if shard.readable:
            ranges = [(tensor.offset, tensor.nbytes) for tensor in wanted]
            for tensor, raw in zip(wanted, shard.read_all(ranges), strict=True):
                found[tensor.name] = _number(raw, tensor.dtype)
    return found


def _number(raw: bytes, dtype: str) -> float:
    if not raw:  # another process has it
        return math.nan
    if dtype in _INTEGERS:
        return float(int.from_bytes(raw, "little", signed=_INTEGERS[dtype]))
    if dtype == "BF16":
        return float(struct.unpack("<f", b"\0\0" + raw)[0])
    return float(struct.unpack(_FLOATS[dtype], raw)[0])
