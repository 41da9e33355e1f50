"""The slices of a scan as the core takes them: bytes, strides and decodings."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.anatomy.storage.stored import (
    GroupedCodes,
    Numbers,
    PackedCodes,
    Product,
)
from weightgauge.categorical import alike, first_places, numbers_of
from weightgauge.dtypes import FORMAT_OF_SIZE, ITEM_BYTES
from weightgauge.records import taken
from weightgauge.scanning import decodings
from weightgauge.scanning.live.strides import strided
from weightgauge.scanning.plan_columns import FORMATS, Noted, PlanColumns

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.anatomy.layouts import Cut, MatrixLayout
    from weightgauge.anatomy.storage import Stored
    from weightgauge.checkpoint import Checkpoint, TensorInfo, Tensors

_Dims = Sequence[tuple[int, int]]  # extent and stride in bytes
_PAGE = 2048  # bytes of a page of the core


class ScanPlan:
    """Collects slices.

    Parameters
    ----------
    checkpoint : Checkpoint
        Whose tensors they are.
    scales_apart : bool
        Whether a scale that all codes share is counted on its own, and the codes without it: their
        histogram is exact, and a scale common to all changes no shape.
    first_file : int
        Number of the first file, where those of another plan come before.
    in_order : bool
        Whether the elements of each slice must come in C order, for those of others to be set
        against them, and nothing else. Counting needs no order.

    Attributes
    ----------
    files : list of (int, bool)
        Files that take part, in the order in which the slices number them: the shard, and whether
        it is an array in memory that is read as its strides say.
    scale_of : dict of int to int
        Where a slice has one scale for all of it that is not applied yet: index of the scale's
        result, by that of the slice.
    divided : set of int
        Indices of slices whose magnitudes are divided by that scale.
    digest_of : dict of int to int
        Where a whole tensor is counted in another order than that of its bytes in a file: index of
        the result with its digest, by that of the slice.
    turned : set of int
        Indices of slices that are stored transposed: their rows are columns to the core.
    pages_of : dict of int to (int, int)
        For pieces that fill pages of their tensor, by index: their first byte in the tensor and
        their length in bytes.
    of_tokens : list of int
        Indices of embeddings and heads, in which rows that no token used are to be looked for.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        *,
        scales_apart: bool,
        first_file: int = 0,
        in_order: bool = False,
    ) -> None:
        self._checkpoint = checkpoint
        strides = (shard.strides for shard in checkpoint.shards)
        self._strided = not in_order and any(each is not None for each in strides)
        self._scales_apart = scales_apart
        self._in_order = in_order
        self._first_file = first_file
        self._positions: dict[int, int] = {}
        self._as_they_lie: dict[int, int] = {}
        self.files: list[tuple[int, bool]] = []
        self._scales: dict[str, int] = {}
        self._columns = PlanColumns()
        self._clusters: list[tuple[int, int, int]] = []
        self._shaped: list[tuple[int, _Dims, _core.Decoding | None]] = []
        self.scale_of: dict[int, int] = {}
        self.divided: set[int] = set()
        self.digest_of: dict[int, int] = {}
        self.turned: set[int] = set()
        self.pages_of: dict[int, tuple[int, int]] = {}
        self.of_tokens: list[int] = []

    def __len__(self) -> int:
        return len(self._columns)

    @property
    def shards(self) -> list[int]:
        """Shards of the files that take part."""
        return [shard for shard, _ in self.files]

    @property
    def nbytes(self) -> int:
        """Stored bytes of all slices; the numbers that a product is made of count one each."""
        decoded = {row for row, _, decoding in self._shaped if decoding is not None}
        return sum(
            items if row in decoded else items * ITEM_BYTES[FORMATS[number]]
            for row, (items, number) in enumerate(
                zip(self._columns.items, self._columns.formats, strict=True)
            )
        )

    def to_core(self) -> _core.FileSlices:
        """Return the slices as the core takes them."""
        from weightgauge import _core

        return _core.FileSlices(
            dtypes=FORMATS,
            shaped=self._shaped,
            pieces=[(index, begin // _PAGE) for index, (begin, _) in self.pages_of.items()],
            clusters=self._clusters,
            of_tokens=self.of_tokens,
            **self._columns.to_core(),
        )

    def add(
        self,
        tensor: TensorInfo,
        piece: Cut | None,
        stored: Stored | None,
        matrix: MatrixLayout | None = None,
    ) -> int:
        """Add one slice; return the index that its result will have."""
        if stored is None and self._strided:
            index = self._add_strided(tensor, piece, matrix)
            if index is not None:
                return index
        index = self._add_stored(tensor, piece, stored)
        if matrix is not None and not (stored is not None and isinstance(stored.source, Product)):
            turned = stored is not None and stored.turned
            whole = tensor.shape if stored is None else stored.shape
            shape = whole if piece is None else piece.shape
            self._set_out(index, matrix, math.prod(shape), turned=turned)
        return index

    def _add_stored(self, tensor: TensorInfo, piece: Cut | None, stored: Stored | None) -> int:
        if stored is None:
            if piece is None:  # quick, for checkpoints of very many tensors
                dtype = tensor.dtype
                items = tensor.nbytes // ITEM_BYTES[dtype]
                return self._add(tensor.shard, dtype, tensor.offset, items, Noted.TENSOR)
            return self._add_part(tensor.shard, tensor.dtype, tensor, piece)
        source = stored.source
        if isinstance(source, Product):
            return self._add_product(source, piece)
        if isinstance(source, PackedCodes | GroupedCodes):
            decoding = decodings.made_one_by_one(source, self._position)
            whole = piece is None and not self._in_order
            while_counted = whole and isinstance(source, PackedCodes)
            noted = Noted.TENSOR if while_counted else Noted.NEGATIVES
            index = self._add_made(tensor.shard, decoding, stored.shape, piece, noted)
            if whole and not while_counted:
                self.digest_of[index] = self.add_digest(tensor)
            return index
        if source.single and self._scales_apart:
            index = self._add_part(tensor.shard, source.codes, tensor, piece)
            self.scale_of[index] = self._add_scale(source.scales)
            return index
        to_numbers = source.scale_of_whole if self._scales_apart else None
        of_all = source.scale_of_all if to_numbers is None else None
        scaled = decodings.block_scale(tensor, source, of_all, self._position)
        index = self._add_part(tensor.shard, source.codes, tensor, piece, scaled)
        if to_numbers is not None:
            self.scale_of[index] = self._add_scale(to_numbers)
            if source.divided:
                self.divided.add(index)
        return index

    def _set_out(self, index: int, matrix: MatrixLayout, elements: int, *, turned: bool) -> None:
        """Note how the elements of a slice form rows and columns; `turned` if stored transposed."""
        if turned:
            matrix = matrix.turned(elements // max(matrix.columns, 1))
            self.turned.add(index)
        self._columns.columns[index] = matrix.columns
        if matrix[1:] != (1, 1):
            self._clusters.append((index, matrix.rows_in_cluster, matrix.columns_in_cluster))

    def add_whole(self, tensors: Tensors, matrices: Sequence[MatrixLayout | None]) -> Sequence[int]:
        """Add whole tensors that hold the values themselves, as `add` adds each of them."""
        if self._strided:
            pairs = zip(tensors, matrices, strict=True)
            return [self.add(tensor, None, None, matrix) for tensor, matrix in pairs]
        shards = taken(tensors.shards, first_places(alike(tensors.shards)))
        files = {shard: self._position(shard) for shard in shards}
        added = self._columns.add_whole(tensors, files, matrices)
        for row in numbers_of(matrices, _has_clusters, np.bool_).nonzero()[0].tolist():
            matrix = matrices[row]
            if matrix is not None:
                self._clusters.append((added[row], *matrix[1:]))
        return added

    def add_scaled(
        self, tensors: Tensors, scales: Sequence[Numbers], matrices: Sequence[MatrixLayout | None]
    ) -> Sequence[int] | None:
        """Add whole tensors of codes, each with a scale; None where `add` must look at each."""
        if self._strided or not self._scales_apart:
            return None
        added = self.add_whole(tensors, matrices)
        known = self._scales
        new = {each.tensor.name: each for each in scales if each.tensor.name not in known}
        files = {each.tensor.shard: self._position(each.tensor.shard) for each in new.values()}
        known.update(zip(new, self._columns.add_numbers(list(new.values()), files), strict=True))
        self.scale_of.update(zip(added, (known[each.tensor.name] for each in scales), strict=True))
        return added

    def add_digest(self, tensor: TensorInfo) -> int:
        """Add all bytes of a tensor in the order of a file, which are not to be counted."""
        strides = self._checkpoint.shards[tensor.shard].strides
        if strides is None or min(strides) < 0:
            return self._add(tensor.shard, "F8_E8M0", tensor.offset, tensor.nbytes, Noted.DIGEST)
        item = tensor.nbytes // max(tensor.size, 1)
        file = self._numbered(self._as_they_lie, tensor.shard, as_it_lies=True)
        index = self._add_to(file, FORMAT_OF_SIZE[item], 0, tensor.size, Noted.DIGEST)
        dims = zip(tensor.shape, strides, strict=True)
        self._shaped.append((index, [each for each in dims if each[0] > 1], None))
        return index

    def _add_strided(
        self, tensor: TensorInfo, piece: Cut | None, matrix: MatrixLayout | None
    ) -> int | None:
        """Add a slice of an array that does not lie in C order; None where it does."""
        shard = self._checkpoint.shards[tensor.shard]
        if shard.strides is None:
            return None
        first, dims = (0, ((tensor.size, 1),)) if piece is None else (piece.first, piece.dims)
        found = strided(first, dims, tensor.shape, shard.strides)
        if found is None:
            return None
        items = math.prod(extent for extent, _ in dims)
        file = self._numbered(self._as_they_lie, tensor.shard, as_it_lies=True)
        index = self._add_to(file, tensor.dtype, found.offset, items)
        self._shaped.append((index, found.dims, None))
        # The core takes elements in the order of their addresses.
        steps = [abs(stride) for stride in shard.strides]
        in_order = steps == sorted(steps, reverse=True)
        if matrix is not None and (in_order or len(steps) == 2):
            self._set_out(index, matrix, items, turned=not in_order)
        if piece is None:
            self.digest_of[index] = self.add_digest(tensor)
        return index

    def _add_part(
        self,
        shard: int,
        dtype: str,
        tensor: TensorInfo,
        piece: Cut | None,
        decoding: _core.BlockScale | None = None,
    ) -> int:
        """Add all of a tensor, or a piece, whose items have the format `dtype`."""
        item = ITEM_BYTES[dtype]
        if piece is None:
            items = tensor.nbytes // item
            index = self._add(shard, dtype, tensor.offset, items, Noted.TENSOR)
            if decoding is not None:
                self._shaped.append((index, ((items, item),), decoding))
            return index
        first, dims = piece.first, piece.dims
        if dtype == "F4":  # cut between bytes: the elements of the last dimension are adjacent
            *outer, (extent, _) = dims
            first, dims = first // 2, (*((n, stride // 2) for n, stride in outer), (extent // 2, 1))
        items = math.prod(extent for extent, _ in dims)
        index = self._add(shard, dtype, tensor.offset + first * item, items)
        strides = [(extent, stride * item) for extent, stride in dims]
        self._shaped.append((index, strides, decoding))
        begin, size = first * item, items * item
        if _fills_pages(begin, size, tensor.nbytes) and _adjacent(dims):
            self.pages_of[index] = begin, size
        return index

    def _add(
        self,
        shard: int,
        dtype: str,
        offset: int,
        items: int,
        noted: Noted = Noted.NEGATIVES,
    ) -> int:
        file = self._positions.get(shard)
        known = self._position(shard) if file is None else file
        return self._add_to(known, dtype, offset, items, noted)

    def _add_to(
        self, file: int, dtype: str, offset: int, items: int, noted: Noted = Noted.NEGATIVES
    ) -> int:
        return self._columns.add(file, dtype, offset, items, noted)

    def _add_scale(self, scale: Numbers) -> int:
        index = self._scales.get(scale.tensor.name)
        if index is None:
            index = self._add(scale.tensor.shard, scale.dtype, scale.tensor.offset, 1)
            self._scales[scale.tensor.name] = index
        return index

    def _add_product(self, product: Product, piece: Cut | None) -> int:
        decoding = decodings.low_rank(product, self._position)
        shape = product.rows, product.columns
        return self._add_made(product.left.tensor.shard, decoding, shape, piece)

    def _add_made(
        self,
        shard: int,
        decoding: _core.Decoding,
        shape: tuple[int, ...],
        piece: Cut | None,
        noted: Noted = Noted.NEGATIVES,
    ) -> int:
        """Add all of a matrix, or a piece, whose values are made one by one in C order."""
        first = 0 if piece is None else piece.first
        dims = ((math.prod(shape), 1),) if piece is None else piece.dims
        items = math.prod(extent for extent, _ in dims)
        index = self._add(shard, "F32", first, items, noted)
        self._shaped.append((index, dims, decoding))
        return index

    def _position(self, shard: int) -> int:
        return self._numbered(self._positions, shard)

    def _numbered(self, known: dict[int, int], shard: int, *, as_it_lies: bool = False) -> int:
        number = known.get(shard)
        if number is None:
            number = known[shard] = self._first_file + len(self.files)
            self.files.append((shard, as_it_lies))
        return number


def _has_clusters(matrix: MatrixLayout | None) -> bool:
    return matrix is not None and matrix[1:] != (1, 1)


def _fills_pages(begin: int, size: int, nbytes: int) -> bool:
    """Tell whether bytes of a tensor of `nbytes` begin with a page, and end with one or with it."""
    end = begin + size
    return begin % _PAGE == 0 and (end % _PAGE == 0 or end == nbytes)


def _adjacent(dims: _Dims) -> bool:
    """Tell whether the elements of a piece lie side by side."""
    step = 1
    for extent, stride in reversed(dims):
        if extent != 1 and stride != step:
            return False
        step *= extent
    return True
