"""Records of a checkpoint whose headers have been read: names, shapes and places of tensors."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.checkpoint.identity import FileIdentity
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.errors import CheckpointError, FileChangedError, printable
from weightgauge.findings import Finding
from weightgauge.frames import InPolars, TypedRows
from weightgauge.records import Table, as_dict

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from weightgauge import _core
    from weightgauge.checkpoint.tensors import Tensors


@dataclass(frozen=True, slots=True, repr=False)
class ShardFile:
    """One file of weights of a checkpoint.

    Attributes
    ----------
    name : str
        Name of the file inside the checkpoint.
    size : int
        Length in bytes.
    path : str or None
        Local path of the file that was opened, with every link resolved. None where the header came
        from elsewhere; the weights can then only be fed.
    identity : FileIdentity or None
        What the system reported about the open file before its header was read; None where there
        is no path.
    """

    name: str
    size: int
    path: str | None = None
    identity: FileIdentity | None = None

    def source(self, *, as_it_lies: bool) -> _core.SourceSpec:
        """Return where the bytes are, as the core opens it.

        Parameters
        ----------
        as_it_lies : bool
            Of what has `strides`, whether elements stay where these say; a file has none.

        Raises
        ------
        CheckpointError
            If they are in no file.
        """
        del as_it_lies
        identity = self.identity
        if self.path is None or identity is None:
            raise CheckpointError(
                "its weights are in no file; they can only be fed", path=self.name
            )
        return (
            os.fsencode(self.path),  # a name on disk need not be UTF-8
            (
                identity.device,
                identity.inode,
                identity.size,
                identity.mtime_ns,
                identity.ctime_ns,
            ),
        )

    @property
    def readable(self) -> bool:
        """Whether `read_all` can read it."""
        return self.path is not None

    def read_all(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return a few short pieces of the file.

        Parameters
        ----------
        ranges : sequence of (int, int)
            The first byte of each, and its length, within the size.

        Raises
        ------
        FileChangedError
            If it is not the file whose header was read.
        CheckpointError
            If it cannot be read.
        """
        if self.path is None:
            raise CheckpointError("is in no file; it can only be fed", path=self.name)
        changed = f"{printable(self.name)}: changed since it was opened"
        try:
            with RegularFile(self.path, self.path) as file:
                if file.identity != self.identity:
                    raise FileChangedError(changed)
                return [file.read(offset, length) for offset, length in ranges]
        except FileNotFoundError as error:
            raise FileChangedError(changed) from error

    @property
    def strides(self) -> tuple[int, ...] | None:
        """Strides in bytes of what does not lie in C order; None for a file, where all does."""
        return None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the identity is a dict of its own."""
        identity = None if self.identity is None else self.identity.to_dict()
        return {"name": self.name, "size": self.size, "path": self.path, "identity": identity}

    def __repr__(self) -> str:
        """Show the name and the length."""
        return f"<ShardFile '{printable(self.name, limit=80)}': {self.size:,} bytes>"


class TensorInfo(NamedTuple):
    """One tensor of a checkpoint: where it lies and how to read it.

    Attributes
    ----------
    name : str
        Name in the file. It may contain any character: see `weightgauge.errors.printable`.
    dtype : str
        One of the 22 spellings of safetensors, such as ``"BF16"``.
    shape : tuple of int
        Empty for a scalar.
    shard : int
        Index into `Checkpoint.shards`.
    offset : int
        First byte of the data, counted from the start of the file. It need not be aligned.
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

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_dict(self)

    def __repr__(self) -> str:
        """Show name, dtype, shape and place on one line."""
        return (
            f"TensorInfo('{printable(self.name, limit=60)}', {self.dtype} {list(self.shape)}, "
            f"shard {self.shard}, bytes {self.offset}..{self.offset + self.nbytes})"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Checkpoint(InPolars):
    """A checkpoint whose headers have been read and are valid. No weight has been read.

    Attributes
    ----------
    model : str
        The model, as the caller named it.
    shards : Table of ShardFile
        In the order in which the index first names them; without an index, sorted by name.
    tensors : Tensors
        Of `TensorInfo`, by shard, then by offset. No name occurs twice.
    config : mapping or None
        Content of the `config.json` beside the weights; None if there is no readable one.
    metadata : mapping of str to str
        The ``__metadata__`` of all shards. Where they disagree, the first shard's value is kept.
    findings : Table of Finding
        What files, indexes and configurations show.
    adapter_config : mapping or None
        Content of the `adapter_config.json` of a low-rank adapter; None if there is no readable
        one.
    quantiser_configs : mapping of str to mapping
        Content of the files beside the weights in which quantisers keep their settings, by their
        names, such as `quantize_config.json`.
    """

    model: str
    shards: Table[ShardFile]
    tensors: Tensors
    config: Mapping[str, Any] | None
    metadata: Mapping[str, str]
    findings: Table[Finding]
    adapter_config: Mapping[str, Any] | None = None
    quantiser_configs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; shards and tensors are lists of dicts."""
        return {
            "model": self.model,
            "shards": self.shards.to_dicts(),
            "tensors": self.tensors.to_dicts(),
            "config": None if self.config is None else dict(self.config),
            "metadata": dict(self.metadata),
            "findings": self.findings.to_dicts(),
            "adapter_config": None if self.adapter_config is None else dict(self.adapter_config),
            "quantiser_configs": {
                name: dict(content) for name, content in self.quantiser_configs.items()
            },
        }

    @property
    def files(self) -> int:
        """How many files the weights lie in."""
        return len(self.shards)

    @property
    def resident(self) -> bool:
        """Whether all can be read at once; not where tensors are copied first for being read."""
        return True

    @property
    def sharded(self) -> bool:
        """Whether only a part of some tensors can be read by this process."""
        return False

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per tensor."""
        return self.tensors.to_dicts()

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per tensor.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return self.tensors.to_pandas()

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return self.tensors.typed_rows()

    def __repr__(self) -> str:
        """Show the sizes, not the contents, which may be very long."""
        return (
            f"<Checkpoint '{printable(self.model, limit=60)}': "
            f"{_count(len(self.tensors), 'tensor')} in {_count(self.files, 'file')}, "
            f"{sum(self.tensors.nbytes):,} bytes of weights>"
        )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
