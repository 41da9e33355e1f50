"""What a checkpoint is, once its headers have been read: names, shapes and places of tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from weightgauge.errors import printable


@dataclass(frozen=True, slots=True)
class FileIdentity:
    """What must stay the same for a file to be the same file, as the system reports it.

    Attributes
    ----------
    device, inode : int
        Where the file lies.
    size : int
        Length in bytes.
    mtime_ns, ctime_ns : int
        Last change of the content and of the inode, in nanoseconds. The second cannot be set by a
        program, so a forged modification time does not hide an overwritten file.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int


@dataclass(frozen=True, slots=True)
class ShardFile:
    """One safetensors file of a checkpoint.

    Attributes
    ----------
    path : str
        Local path with every link resolved: the file that was opened.
    name : str
        The file's name inside the checkpoint.
    identity : FileIdentity
        Taken from the open file before its header was read.
    """

    path: str
    name: str
    identity: FileIdentity


@dataclass(frozen=True, slots=True, repr=False)
class TensorInfo:
    """One tensor of a checkpoint: where it lies and how to read it.

    Attributes
    ----------
    name : str
        As in the file; may hold any character (see `weightgauge.errors.printable`).
    dtype : str
        One of the 22 spellings of safetensors, such as ``"BF16"``.
    shape : tuple of int
        Empty for a scalar.
    shard : int
        Index into `Checkpoint.shards`.
    offset : int
        First byte of the data, counted from the start of the file; need not be aligned.
    nbytes : int
        Length of the data in bytes.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    shard: int
    offset: int
    nbytes: int

    @property
    def size(self) -> int:
        """Number of elements: the product of the shape, 1 for a scalar."""
        return math.prod(self.shape)

    def __repr__(self) -> str:
        """Show name, dtype, shape and place on one line."""
        return (
            f"TensorInfo('{printable(self.name)}', {self.dtype} {list(self.shape)}, "
            f"shard {self.shard}, bytes {self.offset}..{self.offset + self.nbytes})"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Checkpoint:
    """A checkpoint whose headers have been read and found valid; no weight has been read.

    Attributes
    ----------
    model : str
        What the caller asked for.
    shards : tuple of ShardFile
        In the order in which the index first names them; without an index, sorted by name.
    tensors : tuple of TensorInfo
        By shard, then by offset. No name occurs twice.
    config : mapping or None
        The `config.json` beside the weights, if there is a readable one.
    metadata : mapping of str to str
        The ``__metadata__`` of all shards; where they disagree, the first shard's value.
    warnings : tuple of str
        What is odd but no reason to stop.
    adapter_config : mapping or None
        The `adapter_config.json` of a low-rank adapter, if there is a readable one.
    """

    model: str
    shards: tuple[ShardFile, ...]
    tensors: tuple[TensorInfo, ...]
    config: Mapping[str, Any] | None
    metadata: Mapping[str, str]
    warnings: tuple[str, ...]
    adapter_config: Mapping[str, Any] | None = None

    def __repr__(self) -> str:
        """Show the sizes, not the contents, which may be very long."""
        nbytes = sum(tensor.nbytes for tensor in self.tensors)
        return (
            f"<Checkpoint '{printable(self.model)}': {_count(len(self.tensors), 'tensor')} in "
            f"{_count(len(self.shards), 'file')}, {nbytes:,} bytes of weights>"
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
