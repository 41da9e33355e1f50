"""Matrices that are not stored as their values: codes with scales, packed integers, factors."""

from weightgauge.anatomy.storage.code_words import is_coarse, is_packed, is_ternary
from weightgauge.anatomy.storage.recognise import Storage, storage_of
from weightgauge.anatomy.storage.roles import is_beside, is_signed, served
from weightgauge.anatomy.storage.stored import (
    Factor,
    GroupedCodes,
    Numbers,
    PackedCodes,
    Product,
    ScaledCodes,
    Stored,
    weight_name,
    weight_names,
)

__all__ = [
    "Factor",
    "GroupedCodes",
    "Numbers",
    "PackedCodes",
    "Product",
    "ScaledCodes",
    "Storage",
    "Stored",
    "is_beside",
    "is_coarse",
    "is_packed",
    "is_signed",
    "is_ternary",
    "served",
    "storage_of",
    "weight_name",
    "weight_names",
]
