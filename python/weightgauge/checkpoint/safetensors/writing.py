"""The bytes of a safetensors file, the same for the same content every time.

The library of that name writes the metadata in an order that changes from run to run, and refuses
long ones only when everything else is done.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from itertools import chain
from typing import NamedTuple

from weightgauge.checkpoint.safetensors.header import LENGTH_BYTES
from weightgauge.checkpoint.safetensors.header_entry import METADATA

_ALIGNMENT = 8


class WrittenTensor(NamedTuple):
    """One tensor to be written.

    Attributes
    ----------
    name : str
        Its name.
    dtype : str
        Element format, in the spelling of safetensors.
    shape : tuple of int
        Its shape.
    pieces : sequence of bytes
        Its elements in C order, little-endian, cut anywhere.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    pieces: Sequence[bytes]


def file_of(tensors: Sequence[WrittenTensor], metadata: Mapping[str, str]) -> bytes:
    """Return a whole file: header, then the tensors in the order in which they are given.

    Parameters
    ----------
    tensors : sequence of WrittenTensor
        The tensors. Those with wide elements have to come first if they are to be aligned.
    metadata : mapping of str to str
        The ``__metadata__``.

    Returns
    -------
    bytes
    """
    header: dict[str, object] = {METADATA: dict(metadata)}
    begin = 0
    for name, dtype, shape, pieces in tensors:
        end = begin + sum(map(len, pieces))
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    length = len(text).to_bytes(LENGTH_BYTES, "little")
    return b"".join(chain((length, text), *(tensor.pieces for tensor in tensors)))
