"""Matrices that are not stored as their values: codes with scales, packed integers, factors."""

from weightgauge.anatomy.storage.recognise import Storage, storage_of
from weightgauge.anatomy.storage.stored import (
    Factor,
    Numbers,
    PackedCodes,
    Product,
    ScaledCodes,
    Stored,
    weight_name,
)

__all__ = [
    "Factor",
    "Numbers",
    "PackedCodes",
    "Product",
    "ScaledCodes",
    "Storage",
    "Stored",
    "storage_of",
    "weight_name",
]
