"""Element formats that are counted."""

from __future__ import annotations

ITEM_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "F8_E4M3FNUZ": 1,
    "F8_E5M2FNUZ": 1,
    "F8_E8M0": 1,
    "F4": 1,
}
"""Bytes of one stored item, by the spelling of safetensors; F4 stores two elements in a byte."""
