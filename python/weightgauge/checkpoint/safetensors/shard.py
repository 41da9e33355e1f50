"""One safetensors file: its header, read from its bytes."""

from __future__ import annotations

from weightgauge.checkpoint.byte_source import ByteSource
from weightgauge.checkpoint.safetensors.header import (
    LENGTH_BYTES,
    TensorTable,
    check_length,
    read_table,
)
from weightgauge.errors import HeaderError
from weightgauge.wording import counted


def read_shard(source: ByteSource, shard: int = 0) -> TensorTable:
    """Read the header of a safetensors file; its weights are not touched.

    Parameters
    ----------
    source : ByteSource
        The file's bytes.
    shard : int
        Its place among the shards, which every tensor records.

    Returns
    -------
    TensorTable

    Raises
    ------
    HeaderError
        If the header breaks a rule of the format.
    FileChangedError
        If there are fewer bytes than the source's size said.
    """
    size, path = source.size, source.shown
    if size == 0:
        raise HeaderError("the file is empty", path=path, offset=0)
    if size < LENGTH_BYTES:
        raise HeaderError(
            f"the file has {counted(size, 'byte')}, too few for a header", path=path, offset=size
        )
    claimed = int.from_bytes(source.read(0, LENGTH_BYTES), "little")
    check_length(claimed, file_size=size, path=path)
    return read_table(
        lambda offset, length: source.read(LENGTH_BYTES + offset, length),
        claimed,
        file_size=size,
        path=path,
        shard=shard,
    )
