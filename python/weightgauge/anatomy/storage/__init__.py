"""Matrices that are not stored as their values: codes with scales, packed integers, factors."""

from weightgauge.anatomy.storage.recognise import Storage, storage_of
from weightgauge.anatomy.storage.stored import Factor, Numbers, Product, ScaledCodes, Stored

__all__ = ["Factor", "Numbers", "Product", "ScaledCodes", "Storage", "Stored", "storage_of"]
