"""The slices of a scan as the core takes them: bytes, strides and decodings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from weightgauge.anatomy.storage.stored import Numbers, Product, ScaledCodes
from weightgauge.dtypes import ITEM_BYTES

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.anatomy.layouts import Cut
    from weightgauge.anatomy.storage import Stored
    from weightgauge.checkpoint import Checkpoint, TensorInfo

_CoreSlice = tuple[
    int, str, int, Sequence[tuple[int, int]], "_core.BlockScale | _core.LowRank | None"
]


class ScanPlan:
    """Collects slices.

    Parameters
    ----------
    checkpoint : Checkpoint
        Whose tensors they are.
    scales_apart : bool
        Whether codes with one scale for all are counted as they are, and the scale on its own:
        their histogram is exact, and a scale common to all changes no shape.
    first_file : int
        Number of the first file, where those of another plan come before.

    Attributes
    ----------
    shards : list of int
        Files that take part, in the order in which the slices number them.
    slices : list of tuple
        As `_core.scan_files` wants them.
    scale_of : dict of int to int
        Where a slice has one scale for all of it that is not applied yet: index of the scale's
        result, by that of the slice.
    """

    def __init__(self, checkpoint: Checkpoint, *, scales_apart: bool, first_file: int = 0) -> None:
        self._checkpoint = checkpoint
        self._scales_apart = scales_apart
        self._first_file = first_file
        self._positions: dict[int, int] = {}
        self._scales: dict[str, int] = {}
        self.slices: list[_CoreSlice] = []
        self.scale_of: dict[int, int] = {}

    @property
    def shards(self) -> list[int]:
        """Files that take part."""
        return list(self._positions)

    @property
    def nbytes(self) -> int:
        """Stored bytes of all slices."""
        return sum(
            (1 if decoding is not None else ITEM_BYTES[dtype]) * math.prod(n for n, _ in dims)
            for _, dtype, _, dims, decoding in self.slices
        )

    def add(self, tensor: TensorInfo, piece: Cut | None, stored: Stored | None) -> int:
        """Add one slice; return the index that its result will have."""
        if stored is None:
            return self._add(tensor.shard, _view(tensor.dtype, tensor, piece), None)
        source = stored.source
        if isinstance(source, Product):
            return self._add_product(source, piece)
        view = _view(source.codes, tensor, piece)
        if source.single and self._scales_apart:
            index = self._add(tensor.shard, view, None)
            self.scale_of[index] = self._add_scale(source.scales)
            return index
        decoding = self._block_scale(tensor, source)
        return self._add(tensor.shard, view, decoding)

    def _add(
        self,
        shard: int,
        view: tuple[str, int, Sequence[tuple[int, int]]],
        decoding: _core.BlockScale | _core.LowRank | None,
    ) -> int:
        dtype, offset, dims = view
        self.slices.append((self._position(shard), dtype, offset, dims, decoding))
        return len(self.slices) - 1

    def _add_scale(self, scale: Numbers) -> int:
        index = self._scales.get(scale.tensor.name)
        if index is None:
            view = (scale.dtype, scale.tensor.offset, ((1, ITEM_BYTES[scale.dtype]),))
            index = self._add(scale.tensor.shard, view, None)
            self._scales[scale.tensor.name] = index
        return index

    def _add_product(self, product: Product, piece: Cut | None) -> int:
        from weightgauge import _core

        decoding = _core.LowRank(
            rows=product.rows,
            rank=product.rank,
            columns=product.columns,
            left=self._numbers(product.left),
            right=self._numbers(product.right),
            factor=product.factor.value,
        )
        first = 0 if piece is None else piece.first
        dims = ((product.rows * product.columns, 1),) if piece is None else piece.dims
        return self._add(product.left.tensor.shard, ("F32", first, dims), decoding)

    def _block_scale(self, tensor: TensorInfo, codes: ScaledCodes) -> _core.BlockScale:
        from weightgauge import _core

        return _core.BlockScale(
            origin=tensor.offset,
            matrices=codes.matrices,
            rows=codes.rows,
            columns=codes.columns // codes.per_byte,
            block_rows=codes.block_rows,
            block_columns=codes.block_columns // codes.per_byte,
            scales=self._numbers(codes.scales),
        )

    def _numbers(self, numbers: Numbers) -> tuple[int, str, int, int]:
        tensor = numbers.tensor
        return self._position(tensor.shard), numbers.dtype, tensor.offset, tensor.size

    def _position(self, shard: int) -> int:
        return self._positions.setdefault(shard, self._first_file + len(self._positions))


@lru_cache
def _adjacent(items: int, item: int) -> tuple[tuple[int, int]]:
    """Extent and stride of what lies side by side; tensors of one size share it."""
    return ((items, item),)


def _view(
    dtype: str, tensor: TensorInfo, piece: Cut | None
) -> tuple[str, int, Sequence[tuple[int, int]]]:
    """Element format, first byte, and extent and stride in bytes of each dimension."""
    item = ITEM_BYTES[dtype]
    if piece is None:
        return dtype, tensor.offset, _adjacent(tensor.nbytes // item, item)
    first, dims = piece.first, piece.dims
    if dtype == "F4":  # cut between bytes: the elements of the last dimension are adjacent
        *outer, (extent, _) = dims
        first, dims = first // 2, (*((n, stride // 2) for n, stride in outer), (extent // 2, 1))
    views = [(extent, stride * item) for extent, stride in dims]
    return dtype, tensor.offset + first * item, views
