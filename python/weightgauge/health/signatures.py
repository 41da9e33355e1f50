"""Cryptographic hashes of the files of a model, for those who keep or compare signatures."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.checkpoint import Checkpoint
from weightgauge.errors import CheckpointError, NeedsWeightsError, printable
from weightgauge.records import Table, as_row

if TYPE_CHECKING:
    from weightgauge.scanning import Model

_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class FileHash:
    """The hash of one file of weights.

    Attributes
    ----------
    name : str
        Name of the file inside the checkpoint.
    size : int
        Length in bytes.
    sha256 : str
        SHA-256 (FIPS 180-4) of its content, in 64 hexadecimal digits.
    """

    name: str
    size: int
    sha256: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)


def file_hashes(
    model: Model, progress: Callable[[int, int], None] | None = None
) -> Table[FileHash]:
    """Read all files of weights of a model, and hash them.

    Parameters
    ----------
    model : str, os.PathLike
        A model in files.
    progress : callable, optional
        Called with (bytes done, bytes in all) now and then.

    Raises
    ------
    NeedsWeightsError
        If there are no files, as of a model in memory and of saved counts.
    CheckpointError
        If a file cannot be read.
    """
    from weightgauge.scanning.opening import name_of, open_any

    opened = open_any(model) if isinstance(model, str | os.PathLike) else None
    if not isinstance(opened, Checkpoint) or any(each.path is None for each in opened.shards):
        raise NeedsWeightsError(f"{printable(name_of(model))}: has no files of weights to hash")
    total, done = sum(each.size for each in opened.shards), 0
    found = []
    for shard in opened.shards:
        digest = hashlib.sha256()
        try:
            with open(shard.path or "", "rb") as file:
                while block := file.read(_AT_ONCE):
                    digest.update(block)
                    done += len(block)
                    if progress is not None:
                        progress(done, total)
        except OSError as error:
            raise CheckpointError(f"cannot be read: {error.strerror}", path=shard.name) from error
        found.append(FileHash(shard.name, shard.size, digest.hexdigest()))
    return Table(FileHash, found)
