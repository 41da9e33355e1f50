"""Slices as rows of plain values, held as columns: what JSON and tables have of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import numpy as np

from weightgauge.columnar import ColumnarRecords, ColumnarRows
from weightgauge.fits.columns import Columns
from weightgauge.fits.matrix_errors import Spread
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.fits.slice_fits import SliceFits
from weightgauge.records import NULL_WHEN_EMPTY, plain, spelled
from weightgauge.records import columns as types_of

_FIELDS = {spelled(field.name): field.name for field in fields(SliceFit)}
_FLAT = types_of(SliceFit)
_OF_SPREAD = {f"spread_{name}": place for place, name in enumerate(Spread._fields)}


class SliceRows(ColumnarRows):
    """What `SliceFit.to_dict` gives of every slice, without a record for any of them.

    Parameters
    ----------
    slices : sequence of SliceFit
        The slices.
    flat : bool
        Whether a value is all that a cell can hold: see `weightgauge.records.flat`.
    """

    def __init__(self, slices: Sequence[SliceFit], *, flat: bool = False) -> None:
        self._columns = Columns(slices)
        self._flat = flat
        self.names = tuple(_FLAT if flat else _FIELDS)

    def column(self, name: str) -> Sequence[Any]:
        """Return one value of all rows; see `ColumnarRows.column`."""
        if name in _OF_SPREAD:
            made: Any = self._columns.spread_parts[1:][_OF_SPREAD[name]]
        elif name == "spread":
            there, *parts = self._columns.spread_parts
            made = ColumnarRecords(Spread._fields, there.tolist(), parts)
        else:
            return self._plain(name)
        found: Sequence[Any] = made
        return found

    def _plain(self, name: str) -> Sequence[Any]:
        values = self._columns.column(_FIELDS[name])
        if isinstance(values, np.ndarray):
            return values
        if name in NULL_WHEN_EMPTY:
            return [value or None for value in values]
        if _FLAT[name].startswith("float") and values.count(None) < len(values):
            return [plain(name, value) for value in values]
        return values

    def part(self, start: int, stop: int) -> SliceRows:
        """Return the rows from one place on up to another."""
        slices = self._columns.slices
        cut = slices.part(start, stop) if isinstance(slices, SliceFits) else slices[start:stop]
        return SliceRows(cut, flat=self._flat)

    def __len__(self) -> int:
        return len(self._columns)
