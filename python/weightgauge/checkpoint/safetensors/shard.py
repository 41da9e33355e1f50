"""One safetensors file: its header, read from an open file."""

from __future__ import annotations

from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.safetensors.header import (
    LENGTH_BYTES,
    TensorTable,
    check_length,
    read_table,
)
from weightgauge.checkpoint.types import ShardFile
from weightgauge.errors import HeaderError


def read_shard(file: RegularFile, name: str, shard: int = 0) -> tuple[ShardFile, TensorTable]:
    """Read the header of a safetensors file; its weights are not touched.

    Parameters
    ----------
    file : RegularFile
        The open file.
    name : str
        Its name inside the checkpoint.
    shard : int
        Its place among the shards, which every tensor records.

    Returns
    -------
    tuple of ShardFile and TensorTable

    Raises
    ------
    HeaderError
        If the header breaks a rule of the format.
    FileChangedError
        If the file shrinks while its header is read.
    """
    size, path = file.identity.size, file.shown
    if size == 0:
        raise HeaderError("the file is empty", path=path, offset=0)
    if size < LENGTH_BYTES:
        raise HeaderError(
            f"the file has {size} bytes, too few for a header", path=path, offset=size
        )
    claimed = int.from_bytes(file.read(0, LENGTH_BYTES), "little")
    check_length(claimed, file_size=size, path=path)
    table = read_table(
        lambda offset, length: file.read(LENGTH_BYTES + offset, length),
        claimed,
        file_size=size,
        path=path,
        shard=shard,
    )
    return ShardFile(path=file.path, name=name, identity=file.identity), table
