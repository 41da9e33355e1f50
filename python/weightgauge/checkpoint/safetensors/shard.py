"""One safetensors file: open it, read its header, say what it is if it is something else."""

from __future__ import annotations

import re

from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.safetensors.header import (
    LENGTH_BYTES,
    TensorTable,
    check_length,
    read_table,
)
from weightgauge.checkpoint.safetensors.sniff import SNIFF_BYTES, describe_foreign
from weightgauge.checkpoint.types import ShardFile
from weightgauge.errors import HeaderError, NotACheckpointError

_OBJECT = re.compile(rb"[ \t\n\r]*+\{")


def read_shard(
    path: str, *, name: str, shown: str, shard: int = 0
) -> tuple[ShardFile, TensorTable]:
    """Read the header of a safetensors file; its weights are not touched.

    Parameters
    ----------
    path : str
        The file to open.
    name : str
        Its name inside the checkpoint.
    shown : str
        Its path as messages should give it.
    shard : int
        Its place among the shards, written into each tensor.

    Returns
    -------
    tuple of ShardFile and TensorTable

    Raises
    ------
    HeaderError
        If the header breaks a rule of the format.
    NotACheckpointError
        If the path is no ordinary file, or the file is recognised as some other format.
    FileNotFoundError
        If nothing is there.
    FileChangedError
        If the file shrinks while its header is read.
    """
    with RegularFile(path, shown) as file:
        size = file.identity.size
        if size == 0:
            raise HeaderError("the file is empty", path=shown, offset=0)
        try:
            if size < LENGTH_BYTES:
                raise HeaderError(
                    f"the file has {size} bytes, too few for a header", path=shown, offset=size
                )
            claimed = int.from_bytes(file.read(0, LENGTH_BYTES), "little")
            check_length(claimed, file_size=size, path=shown)
            table = read_table(
                lambda offset, length: file.read(LENGTH_BYTES + offset, length),
                claimed,
                file_size=size,
                path=shown,
                shard=shard,
            )
        except HeaderError as error:
            meaning = _foreign(file)
            if meaning is None:
                raise
            raise NotACheckpointError(
                f"is not a safetensors file: it looks like {meaning}", path=shown
            ) from error
        return ShardFile(path=file.path, name=name, identity=file.identity), table


def _foreign(file: RegularFile) -> str | None:
    size = file.identity.size
    head = file.read(0, min(size, SNIFF_BYTES))
    claimed = int.from_bytes(head[:LENGTH_BYTES], "little")
    if claimed <= size - LENGTH_BYTES and _OBJECT.match(head, LENGTH_BYTES):
        return None  # a safetensors file with a mistake in it
    return describe_foreign(head, size)
