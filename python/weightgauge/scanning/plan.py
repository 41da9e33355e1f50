"""The slices of a scan as the core takes them: bytes, strides and decodings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.formats import ITEM_BYTES
from weightgauge.storage.stored import Numbers, Product, ScaledCodes

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.checkpoint import Checkpoint, TensorInfo
    from weightgauge.layouts import Cut
    from weightgauge.storage import Stored

_CoreSlice = tuple[
    int, str, int, Sequence[tuple[int, int]], "_core.BlockScale | _core.LowRank | None"
]


class Place(NamedTuple):
    """Where the result of a slice will be.

    Attributes
    ----------
    result : int
        Index among the results.
    scale : int or None
        Index of the result for the one scale of all of the slice, where it was not applied yet.
    """

    result: int
    scale: int | None = None


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
    nbytes : int
        Stored bytes of all slices.
    """

    def __init__(self, checkpoint: Checkpoint, *, scales_apart: bool, first_file: int = 0) -> None:
        self._checkpoint = checkpoint
        self._scales_apart = scales_apart
        self._first_file = first_file
        self._positions: dict[int, int] = {}
        self._scales: dict[str, int] = {}
        self.slices: list[_CoreSlice] = []
        self.nbytes = 0

    @property
    def shards(self) -> list[int]:
        """Files that take part."""
        return list(self._positions)

    def add(self, tensor: TensorInfo, piece: Cut | None, stored: Stored | None) -> Place:
        """Add one slice; tell where its result will be."""
        if stored is None:
            return self._add(tensor.shard, _view(tensor.dtype, tensor, piece, tensor.size), None)
        source = stored.source
        if isinstance(source, Product):
            return self._add_product(source, piece)
        view = _view(source.codes, tensor, piece, math.prod(stored.shape))
        if source.single and self._scales_apart:
            place = self._add(tensor.shard, view, None)
            return place._replace(scale=self._add_scale(source.scales))
        decoding = self._block_scale(tensor, source)
        return self._add(tensor.shard, view, decoding)

    def _add(
        self,
        shard: int,
        view: tuple[str, int, Sequence[tuple[int, int]]],
        decoding: _core.BlockScale | _core.LowRank | None,
    ) -> Place:
        dtype, offset, dims = view
        self.slices.append((self._position(shard), dtype, offset, dims, decoding))
        item = 1 if decoding is not None else ITEM_BYTES[dtype]
        self.nbytes += item * math.prod(extent for extent, _ in dims)
        return Place(len(self.slices) - 1)

    def _add_scale(self, scale: Numbers) -> int:
        index = self._scales.get(scale.tensor.name)
        if index is None:
            view = (scale.dtype, scale.tensor.offset, ((1, ITEM_BYTES[scale.dtype]),))
            index = self._add(scale.tensor.shard, view, None).result
            self._scales[scale.tensor.name] = index
        return index

    def _add_product(self, product: Product, piece: Cut | None) -> Place:
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


def _view(
    dtype: str, tensor: TensorInfo, piece: Cut | None, size: int
) -> tuple[str, int, Sequence[tuple[int, int]]]:
    """Element format, first byte, and extent and stride in bytes of each dimension."""
    item = ITEM_BYTES[dtype]
    if piece is None:
        items = size // 2 if dtype == "F4" else size
        return dtype, tensor.offset, ((items, item),)
    first, dims = piece.first, piece.dims
    if dtype == "F4":  # cut between bytes: the elements of the last dimension are adjacent
        *outer, (extent, _) = dims
        first, dims = first // 2, (*((n, stride // 2) for n, stride in outer), (extent // 2, 1))
    views = [(extent, stride * item) for extent, stride in dims]
    return dtype, tensor.offset + first * item, views
