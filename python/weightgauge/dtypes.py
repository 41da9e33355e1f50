"""The element formats of safetensors: their widths, and which of them can be counted."""

from __future__ import annotations

from types import MappingProxyType

# Elements of F4 and of the two F6 formats are packed without padding. Only the tensor as a whole
# has to fill whole bytes.
DTYPE_BITS = MappingProxyType(
    {
        "BOOL": 8,
        "F4": 4,
        "F6_E2M3": 6,
        "F6_E3M2": 6,
        "U8": 8,
        "I8": 8,
        "F8_E5M2": 8,
        "F8_E4M3": 8,
        "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8,
        "F8_E5M2FNUZ": 8,
        "I16": 16,
        "U16": 16,
        "F16": 16,
        "BF16": 16,
        "I32": 32,
        "U32": 32,
        "F32": 32,
        "C64": 64,
        "F64": 64,
        "I64": 64,
        "U64": 64,
    }
)
"""Width of one element in bits, by the spelling of safetensors."""

_COUNTED = (
    "F64",
    "F32",
    "F16",
    "BF16",
    "F8_E4M3",
    "F8_E5M2",
    "F8_E4M3FNUZ",
    "F8_E5M2FNUZ",
    "F8_E8M0",
    "F4",
)

ITEM_BYTES = MappingProxyType({name: max(DTYPE_BITS[name] // 8, 1) for name in _COUNTED})
"""Bytes of one stored item of each format that is counted; F4 stores two elements in a byte."""

NO_DECODER = frozenset(("F6_E2M3", "F6_E3M2", "C64"))
"""Formats of weights that are not counted."""

FORMAT_OF_SIZE = MappingProxyType({1: "F8_E8M0", 2: "BF16", 4: "F32", 8: "F64"})
"""A format that is counted, by the bytes of an item: as which items of any kind can be read."""
