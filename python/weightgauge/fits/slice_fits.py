"""The fits of many slices as columns, of which a record is made when somebody asks for it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar, overload

import numpy as np

from weightgauge.anatomy.components.ordering import in_order, moves
from weightgauge.anatomy.layouts import Slice, Slices
from weightgauge.categorical import different
from weightgauge.fits.field_columns import FieldColumns, SpreadParts
from weightgauge.fits.number_columns import NumberColumns
from weightgauge.fits.slice_fit import SliceFit, slice_fit
from weightgauge.frames import InPolars, TypedRows
from weightgauge.magnitudes.weibull import Numbers, status_and_reason
from weightgauge.records import Table, to_frame, typed

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]
    from numpy.typing import NDArray

    from weightgauge.fits.columns import Columns
    from weightgauge.fits.slice_numbers import SliceNumbers
    from weightgauge.magnitudes.options import FitOptions

_Words = TypeVar("_Words")
_RECORDS_TOGETHER = 1_000
"""Records whose numbers are taken from columns at a time where somebody asks for all."""


class SliceFits(Sequence[SliceFit], InPolars):
    """A sequence of `SliceFit` that compares, hashes and is cut like a tuple of them.

    Parameters
    ----------
    slices : sequence of Slice
        What they are.
    numbers : NumberColumns
        What was counted and fitted.
    options : FitOptions
        How the fits were made; it has a part in the reasons.
    told : mapping of int to (str, str), optional
        Status and reason of the slices that were not counted, by place.
    missing : mapping of int to str, optional
        Why values lack a scale that is known to exist, by place.
    """

    __slots__ = (
        *("_made", "_missing", "_options", "_told"),
        *("numbers", "slices", "sorted_out", "taken_apart"),
    )

    def __init__(
        self,
        slices: Sequence[Slice],
        numbers: NumberColumns,
        options: FitOptions,
        *,
        told: Mapping[int, tuple[str, str]] | None = None,
        missing: Mapping[int, str] | None = None,
    ) -> None:
        self.slices = Slices.of(slices)
        self.numbers = numbers
        self._options = options
        self._told = told or {}
        self._missing = missing or {}
        # What `columns_of` and `numbers_of` have made of them: several ask for it, and numbers do
        # not change.
        self.taken_apart: Columns | None = None
        self.sorted_out: SliceNumbers | None = None
        self._made: dict[int, SliceFit] = {}

    @classmethod
    def in_table_order(
        cls,
        slices: Sequence[Slice],
        numbers: NumberColumns,
        options: FitOptions,
        *,
        told: Mapping[int, tuple[str, str]],
        missing: Mapping[int, str],
    ) -> SliceFits:
        """Return fits in the order of tables, see `table_order`; their numbers are sorted in place.

        Parameters
        ----------
        slices, numbers, options, told, missing
            As for the class, in any order.
        """
        order = _table_order(slices)
        if moves(order):
            slices = Slices.of(slices).take(order)
            numbers.sort(order)
            places = (
                {row: place for place, row in enumerate(order.tolist())} if told or missing else {}
            )
            told = {places[row]: words for row, words in told.items()}
            missing = {places[row]: text for row, text in missing.items()}
        return cls(slices, numbers, options, told=told, missing=missing)

    @property
    def fitted(self) -> NDArray[np.bool_]:
        """Which of them have k, lambda and the other numbers."""
        return np.asarray(self.numbers["status"] == 0)

    def column(self, field: str) -> Sequence[Any]:
        """Return a field of all records, and make none; see `FieldColumns.column`."""
        return self._by_field().column(field)

    def spread_parts(self) -> SpreadParts:
        """Return where the variance of every slice comes from, part by part."""
        return self._by_field().spread_parts()

    def words(self) -> list[tuple[str, str]]:
        """Return status and reason of every slice."""
        return self._by_field().words()

    def _by_field(self) -> FieldColumns:
        return FieldColumns(self.slices, self.numbers, self._options, self._told, self._missing)

    def part(self, start: int, stop: int) -> SliceFits:
        """Return the fits from one place on up to another, which share no record with these."""
        return SliceFits(
            self.slices[start:stop],
            self.numbers.part(start, stop),
            self._options,
            told=_within(self._told, start, stop),
            missing=_within(self._missing, start, stop),
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per slice."""
        return [each.to_dict() for each in self]

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame with one row per slice; see `weightgauge.records.to_frame`.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return to_frame(SliceFit, self.to_dicts())

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        return typed(SliceFit, self.to_dicts())

    def __len__(self) -> int:
        return len(self.slices)

    @overload
    def __getitem__(self, index: int) -> SliceFit: ...
    @overload
    def __getitem__(self, index: slice) -> Table[SliceFit]: ...
    def __getitem__(self, index: int | slice) -> SliceFit | Table[SliceFit]:
        """Return one record, always the same for the same place, or a table of several."""
        if isinstance(index, slice):
            return Table(SliceFit, [self[row] for row in range(*index.indices(len(self)))])
        row = index if index >= 0 else len(self) + index
        found = self._made.get(row)
        if found is None:
            if not 0 <= row < len(self):
                raise IndexError("there is no such slice")
            found = self._made[row] = self._record(row, self.numbers.row(row))
        return found

    def __iter__(self) -> Iterator[SliceFit]:
        for start in range(0, len(self), _RECORDS_TOGETHER):
            stop = min(start + _RECORDS_TOGETHER, len(self))
            for row, numbers in enumerate(self.numbers.rows(start, stop), start):
                found = self._made.get(row)
                if found is None:
                    found = self._made[row] = self._record(row, numbers)
                yield found

    def __eq__(self, other: object) -> bool:
        """Compare the records, with those of a tuple too."""
        if not isinstance(other, SliceFits | tuple):
            return NotImplemented
        return len(self) == len(other) and tuple(self) == tuple(other)

    def __hash__(self) -> int:
        return hash(tuple(self))

    def __reduce__(self) -> tuple[Any, ...]:
        """Give the records: what they were made from stays behind."""
        return Table, (SliceFit, tuple(self))

    def __repr__(self) -> str:
        """Show how many there are."""
        return f"<SliceFits: {len(self):,} slices, {int(self.fitted.sum()):,} of them fitted>"

    def _record(self, row: int, numbers: Numbers) -> SliceFit:
        words = self._told.get(row) or status_and_reason(numbers, self._options)
        return slice_fit(self.slices[row], numbers, words, self._missing.get(row, ""))


def _within(words: Mapping[int, _Words], start: int, stop: int) -> dict[int, _Words]:
    """Return what stands at some places, by places counted from the first of these."""
    places = range(start, stop) if words else range(0)
    return {place - start: words[place] for place in places if place in words}


def _table_order(slices: Sequence[Slice]) -> NDArray[np.int64]:
    """Places of slices in the order of tables: by `order_key`, then by name, part and head."""
    columns = Slices.of(slices)
    places = columns.places
    last: Sequence[Any] = columns.tensors.names
    if any(different(places.parts)) or len(set(different(places.heads))) > 1:
        last = [
            (name, part or "", -1 if head is None else head)
            for name, part, head in zip(last, places.parts, places.heads, strict=True)
        ]
    return in_order(places, last)
