"""Which slices count where a tensor is given whole and in pieces, and as a product of factors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.storage.stored import PRODUCT
from weightgauge.fits.columns import Columns, Place, columns_of

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit


def counted(slices: Sequence[SliceFit]) -> list[SliceFit]:
    """Leave out what would be counted twice, and products of kinds that are stored as well."""
    return [slices[row] for row in counted_rows(columns_of(slices))]


def divided(slices: Sequence[SliceFit]) -> list[SliceFit]:
    """Leave out whole tensors that are also given in pieces of their own kind."""
    return [slices[row] for row in divided_rows(columns_of(slices))]


def wholes(slices: Sequence[SliceFit]) -> dict[str, SliceFit]:
    """Find the tensors that are given whole and in pieces: their whole slices by name."""
    return {name: slices[row] for name, row in whole_rows(columns_of(slices)).items()}


def counted_rows(columns: Columns) -> Sequence[int]:
    """Return the places of the slices that are `counted`."""
    once = divided_rows(columns)
    if not columns.products.any():
        return once
    kinds = columns.kinds
    stored = {kinds[row] for row in once if not columns.products[row]}
    return [row for row in once if not columns.products[row] or kinds[row] not in stored]


def divided_rows(columns: Columns) -> Sequence[int]:
    """Return the places of the slices that are `divided`."""
    every = range(len(columns.tensors))
    whole = whole_rows(columns)
    if not whole:
        return every
    kinds = columns.kinds
    names = list(zip(columns.tensors, kinds, strict=True))
    pieces = {names[row] for row in every if whole.get(names[row][0], row) != row}
    return [row for row in every if whole.get(names[row][0]) != row or names[row] not in pieces]


def piece_rows(columns: Columns) -> Sequence[int]:
    """Return the places of all slices but whole tensors that are also given in pieces."""
    whole = set(whole_rows(columns).values())
    return [row for row in range(len(columns.tensors)) if row not in whole]


def whole_rows(columns: Columns) -> dict[str, int]:
    """Return the places of the whole slices of tensors that are given whole and in pieces."""
    if not columns.share_tensors:
        return {}
    numbers = Counter(columns.tensors)
    groups: dict[str, list[int]] = defaultdict(list)
    for row, name in enumerate(columns.tensors):
        if numbers[name] > 1:
            groups[name].append(row)
    found = {}
    for name, group in groups.items():
        depths = {row: _depth(columns.places[row]) for row in group}
        first, second = sorted(group, key=depths.__getitem__)[:2]
        place = columns.places[first]
        apart = _is_part(place) or place.head is not None
        if not apart and depths[first] < depths[second]:
            found[name] = first
    return found


def _depth(place: Place) -> int:
    """How often the tensor was divided to come to a slice."""
    return (place.expert is not None) + _is_part(place) + (place.head is not None)


def _is_part(place: Place) -> bool:
    """Whether a slice is one matrix of several; a whole product is marked as a part too."""
    return place.part not in (None, PRODUCT)
