"""The integers of compressed-tensors that are counted as codes in groups.

Those of `int-quantized` have a byte each; those of `pack-quantized` lie in words, and have other
widths than four bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightgauge.anatomy.storage.beside_codes import (
    WORD_BITS,
    Beside,
    check_shape,
    group_columns,
    groups_of_rows,
    matrix,
)
from weightgauge.anatomy.storage.not_unpacked import NotUnpacked
from weightgauge.anatomy.storage.quantisation import Settings
from weightgauge.anatomy.storage.schemes import (
    check_format,
    check_order,
    check_strategy,
    scales_and_zeros,
    stated_width,
)
from weightgauge.anatomy.storage.stored import GroupedCodes, Numbers, ZeroPoints
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_BYTE = 8
"""Bits of a byte."""
_FORMS = ("int-quantized", "naive-quantized")
_OUT_OF_ORDER = "its groups are out of order (weight_g_idx), which is decoded of four packed bits"


def int_quantized(beside: Beside, settings: Settings) -> tuple[GroupedCodes, str]:
    """Find out how bytes with a sign are made into weights: see docs/packed.md.

    Parameters, results and errors are those of every decoder of packed codes, such as
    `weightgauge.anatomy.storage.affine.mlx`; `settings` are what is stated of the module.
    """
    schemes = beside.quantisation.schemes_of_module(beside.owner)
    rows, columns = matrix(beside.codes, "I8")
    check_format(settings, schemes, _FORMS)
    scales, *zeros = scales_and_zeros(beside, schemes, "I8")
    bits = stated_width(beside, schemes, _BYTE)
    groups = groups_of_rows(scales, rows)
    check_strategy(beside, schemes, scales, groups)
    sizes_stated = [each.get("group_size") for each in schemes]
    size = group_columns(groups, columns, sizes_stated, beside, "config_groups")
    for each in zeros:
        check_shape(each, scales.shape, "zero points")
    if check_order(beside, schemes) is not None:
        raise NotUnpacked(_OUT_OF_ORDER)
    _check_filled(columns, size)
    codes = GroupedCodes(
        shape=(rows, columns),
        bits=_BYTE,
        group=beside.codes.size if scales.size == 1 else size,
        codes=beside.codes,
        scales=Numbers(scales, scales.dtype),
        divisor=1,
        zeros=ZeroPoints(zeros[0], groups, _BYTE) if zeros else None,
    )
    return codes, integers_in_words(bits, scales, groups, size, zeros=bool(zeros))


def pack_quantized(
    beside: Beside, shape: tuple[int, int], bits: int, parts: list[TensorInfo], size: int
) -> tuple[GroupedCodes, str]:
    """Find out how words of other widths than four bits are made into weights.

    Parameters
    ----------
    beside : Beside
        The words.
    shape : tuple of int
        Rows and columns of the matrix.
    bits : int
        Bits of a code.
    parts : list of TensorInfo
        Scales, and zero points if there are any, which fit the matrix.
    size : int
        Columns that share a scale.

    Returns
    -------
    codes, text
        As of `int_quantized`.
    """
    rows, columns = shape
    scales, *zeros = parts
    schemes = beside.quantisation.schemes_of_module(beside.owner)
    groups = groups_of_rows(scales, rows)
    check_strategy(beside, schemes, scales, groups)
    if check_order(beside, schemes) is not None:
        raise NotUnpacked(_OUT_OF_ORDER)
    if columns * bits != beside.codes.shape[1] * WORD_BITS:
        raise NotUnpacked(f"its {columns:,} columns of {bits} bits do not fill their words")
    _check_filled(columns, size)
    if zeros and scales.size == 1 < rows:
        raise NotUnpacked("its rows have zero points of their own, and one scale")
    codes = GroupedCodes(
        shape=shape,
        bits=bits,
        group=rows * columns if scales.size == 1 else size,
        codes=beside.codes,
        scales=Numbers(scales, scales.dtype),
        zero=0 if zeros else 1 << (bits - 1),
        zeros=ZeroPoints(zeros[0], groups, bits) if zeros else None,
    )
    return codes, integers_in_words(bits, scales, groups, size, zeros=bool(zeros))


def integers_in_words(
    bits: int,
    scales: TensorInfo,
    groups: int,
    size: int,
    *,
    zeros: bool = False,
    index: bool = False,
) -> str:
    """Say how values are made of integers.

    Parameters
    ----------
    bits : int
        Bits of an integer.
    scales : TensorInfo
        What they are multiplied with.
    groups, size : int
        Groups of a row, and columns of a group.
    zeros : bool, optional
        Whether zero points are subtracted first.
    index : bool, optional
        Whether it is stored which column is of which group.
    """
    integers = f"(INT{bits} - zero point)" if zeros else f"INT{bits}"
    if scales.size == 1:
        per = "per tensor"
    elif groups == 1:
        per = "per row"
    else:
        per = f"per group of {size:,}" + (", by g_idx" if index else "")
    return f"{integers} x {printable(scales.name.rpartition('.')[2])} {per}"


def _check_filled(columns: int, size: int) -> None:
    """Refuse groups that go on across rows."""
    if columns % size:
        raise NotUnpacked(f"its {columns:,} columns are not divided by groups of {size:,}")
