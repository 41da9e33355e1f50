"""How values are made of tensors, as the core takes it: in which files these lie, and where."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from weightgauge.anatomy.storage.stored import (
    GroupedCodes,
    Numbers,
    PackedCodes,
    Product,
    ScaleCodes,
    ScaledCodes,
    ZeroPoints,
)

if TYPE_CHECKING:
    from weightgauge import _core
    from weightgauge.checkpoint import TensorInfo

Position = Callable[[int], int]
"""The number that a scan gives the file of a shard."""


def made_one_by_one(codes: PackedCodes | GroupedCodes, position: Position) -> _core.Decoding:
    """Return how the core makes the values of packed codes, each of which has a number."""
    if isinstance(codes, PackedCodes):
        return _packed_codes(codes, position)
    return _grouped_codes(codes, position)


def _packed_codes(codes: PackedCodes, position: Position) -> _core.PackedCodes:
    from weightgauge import _core

    zeros, index = codes.zeros, codes.index
    return _core.PackedCodes(
        packing=codes.packing,
        rows=codes.rows,
        columns=codes.columns,
        groups=codes.groups,
        group_columns=codes.group_columns,
        scales_by_group=codes.packing != "along_rows",
        divided=codes.divided,
        added_zero=codes.added_zero,
        bits=codes.bits,
        added_words=codes.added_words,
        codes=_stretch(codes.codes, codes.codes.nbytes, position),
        scales=_numbers(codes.scales, position),
        zeros=None if zeros is None else _stretch(zeros, zeros.size, position),
        index=None if index is None else _stretch(index, index.size, position),
    )


def _grouped_codes(codes: GroupedCodes, position: Position) -> _core.GroupedCodes:
    from weightgauge import _core

    nested = codes.scale_codes
    return _core.GroupedCodes(
        items=codes.items,
        bits=codes.bits,
        group_items=codes.group,
        upper_first=codes.upper_first,
        has_sign=codes.divisor is not None,
        divisor=codes.divisor or 1,
        zero=codes.zero,
        codes=_stretch(codes.codes, codes.codes.nbytes, position),
        scales=_numbers(codes.scales, position),
        biases=None if codes.biases is None else _numbers(codes.biases, position),
        values=None if codes.values is None else _numbers(codes.values, position),
        scale_codes=None if nested is None else _scale_codes(nested, position),
        zeros=None if codes.zeros is None else _zero_points(codes.zeros, position),
    )


def _scale_codes(codes: ScaleCodes, position: Position) -> _core.ScaleCodes:
    from weightgauge import _core

    return _core.ScaleCodes(
        codes=_stretch(codes.codes, codes.codes.size, position),
        values=_numbers(codes.values, position),
        group_items=codes.group,
        added=codes.added,
    )


def _zero_points(zeros: ZeroPoints, position: Position) -> _core.ZeroPoints:
    from weightgauge import _core

    return _core.ZeroPoints(
        words=_stretch(zeros.tensor, zeros.tensor.nbytes, position),
        columns=zeros.columns,
        bits=zeros.bits,
        word_bytes=4 if zeros.packed else 1,
        has_sign=not zeros.packed,
    )


def low_rank(product: Product, position: Position) -> _core.LowRank:
    """Return how the core makes the values of a product of factors."""
    from weightgauge import _core

    return _core.LowRank(
        rows=product.rows,
        rank=product.rank,
        columns=product.columns,
        left=_numbers(product.left, position),
        right=_numbers(product.right, position),
        factor=product.factor.value,
    )


def block_scale(
    tensor: TensorInfo, codes: ScaledCodes, of_all: Numbers | None, position: Position
) -> _core.BlockScale:
    """Return how the core makes the values of scaled codes; `of_all` multiplies all scales."""
    from weightgauge import _core

    return _core.BlockScale(
        origin=tensor.offset,
        matrices=codes.matrices,
        rows=codes.rows,
        columns=codes.columns // codes.per_byte,
        block_rows=codes.block_rows,
        block_columns=codes.block_columns // codes.per_byte,
        scales=_numbers(codes.scales, position),
        scale_of_all=None if of_all is None else _numbers(of_all, position),
        divided=codes.divided,
    )


def _stretch(tensor: TensorInfo, items: int, position: Position) -> tuple[int, int, int]:
    return position(tensor.shard), tensor.offset, items


def _numbers(numbers: Numbers, position: Position) -> tuple[int, str, int, int]:
    tensor = numbers.tensor
    return position(tensor.shard), numbers.dtype, tensor.offset, tensor.size
