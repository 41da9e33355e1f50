"""Rows of a table with what they were made from behind each of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weightgauge.columnar import ColumnarRows


class StatedRows(ColumnarRows):
    """Rows held as columns, and what is the same for all of them."""

    def __init__(self, rows: ColumnarRows, stated: Mapping[str, Any]) -> None:
        self._bare = rows
        self._stated = stated
        self.names = (*rows.names, *stated)

    def column(self, name: str) -> Sequence[Any]:
        """Return the values of all rows under a key."""
        if name in self._stated:
            return (self._stated[name],) * len(self)
        return self._bare.column(name)

    def part(self, start: int, stop: int) -> StatedRows:
        """Return the rows from one place on up to another."""
        return StatedRows(self._bare.part(start, stop), self._stated)

    def __len__(self) -> int:
        return len(self._bare)
