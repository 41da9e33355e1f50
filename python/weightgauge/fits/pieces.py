"""Which slices count where a tensor is given whole and in pieces, and as a product of factors."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from weightgauge.anatomy.storage.stored import PRODUCT

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit


def counted(slices: Sequence[SliceFit]) -> list[SliceFit]:
    """Leave out what would be counted twice, and products of kinds that are stored as well."""
    once = divided(slices)
    if not any(item.is_product for item in once):
        return once
    stored = {item.kind for item in once if not item.is_product}
    return [item for item in once if not item.is_product or item.kind not in stored]


def divided(slices: Sequence[SliceFit]) -> list[SliceFit]:
    """Leave out whole tensors that are also given in pieces of their own kind."""
    whole = wholes(slices)
    if not whole:
        return list(slices)
    pieces = {
        (item.tensor, item.kind) for item in slices if whole.get(item.tensor, item) is not item
    }
    return [
        item
        for item in slices
        if whole.get(item.tensor) is not item or (item.tensor, item.kind) not in pieces
    ]


def wholes(slices: Sequence[SliceFit]) -> dict[str, SliceFit]:
    """Find the tensors that are given whole and in pieces: their whole slices by name."""
    groups: dict[str, list[SliceFit]] = defaultdict(list)
    numbers = Counter([item.tensor for item in slices])
    for item in slices:
        if numbers[item.tensor] > 1:
            groups[item.tensor].append(item)
    found = {}
    for name, group in groups.items():
        first, second = sorted(group, key=_depth)[:2]
        if not _is_part(first) and first.head is None and _depth(first) < _depth(second):
            found[name] = first
    return found


def _depth(item: SliceFit) -> int:
    """How often the tensor was divided to come to a slice."""
    return (item.expert is not None) + _is_part(item) + (item.head is not None)


def _is_part(item: SliceFit) -> bool:
    """Whether a slice is one matrix of several; a whole product is marked as a part too."""
    return item.part not in (None, PRODUCT)
