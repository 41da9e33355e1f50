"""The scales of codes: which tensor holds them, and which block of codes each scale is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.anatomy.architecture.settings import left_out
from weightgauge.anatomy.storage.neighbours import first_of
from weightgauge.anatomy.storage.stored import Numbers, ScaledCodes, in_module
from weightgauge.errors import printable
from weightgauge.records import maker

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

F8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
MULTIPLIES_ALL, DIVIDES_ALL = "weight_scale_2", "weight_global_scale"
"""The scale of all other scales, as ModelOpt and compressed-tensors call it."""

IN_TILES = "its scales lie in tiles, as ComfyUI stores them for matrix units"

_SCALE_FORMATS = ("F32", "BF16", "F16", "F8_E8M0", "F8_E4M3")
_USUAL_BLOCK = (128, 128)
_STEP = 16
"""The sizes of blocks are multiples of this in every known format."""
_MX_BLOCK = 32
"""Elements that share an exponent in the microscaling formats of the Open Compute Project."""


class NotScaled(Exception):
    """The scales of codes cannot be applied. The argument says why, in a clause."""


def scale_names(name: str) -> Iterator[str]:
    """Yield the names under which scales may lie beside a tensor. All such scales multiply."""
    yield f"{name}_scale_inv"
    yield f"{name}_scale"
    owner, _, last = name.rpartition(".")
    if last in ("weight", "weight_packed"):
        leaves = ["weight_scale", "scale", "scale_inv", "scale_weight", "qscale_weight"]
        # Without an owner, `scale` may be that of anything.
        yield from (f"{owner}.{leaf}" for leaf in leaves) if owner else leaves[:1]


def in_tiles(
    codes: TensorInfo, scale: TensorInfo, tensors: Mapping[str, TensorInfo], *, stated: bool
) -> bool:
    """Whether scales of blocks lie in the tiles in which ComfyUI stores them.

    Parameters
    ----------
    codes, scale : TensorInfo
        Codes, and scales. Those of wider formats lie in rows.
    tensors : mapping of str to TensorInfo
        All tensors of the checkpoint by name.
    stated : bool
        Whether the header of a file says that ComfyUI quantised it.
    """
    if scale.dtype not in ("U8", "F8_E8M0", "F8_E4M3") or scale.size <= 1:
        return False
    return stated or in_module(codes.name.rpartition(".")[0], "comfy_quant") in tensors


def further_scale_names(name: str) -> Iterator[str]:
    """Yield the names under which a second scale for all blocks may lie, as NVFP4 has one."""
    owner = name.rpartition(".")[0]
    yield f"{name}_scale_2"
    yield from (in_module(owner, leaf) for leaf in (MULTIPLIES_ALL, DIVIDES_ALL))


def further_scale(name: str, tensors: Mapping[str, TensorInfo]) -> TensorInfo | None:
    """Return a second scale for all blocks together, or None."""
    return first_of(further_scale_names(name), tensors)


def with_scale_of_all(codes: ScaledCodes, scale: TensorInfo) -> ScaledCodes:
    """Add what all scales are multiplied with, or divided by.

    Raises
    ------
    NotScaled
        If it is neither one number nor one for each matrix of a stack.
    """
    if scale.size not in (1, codes.matrices) or scale.dtype not in ("F32", "BF16", "F16"):
        each = "" if codes.matrices == 1 else ", nor one for each matrix"
        raise NotScaled(f"'{printable(scale.name)}' is not one number{each}")
    divided = scale.name.endswith(DIVIDES_ALL)
    return replace(codes, scale_of_all=Numbers(scale, scale.dtype), divided=divided)


def of_all_in_words(codes: ScaledCodes) -> str:
    """Say what is done with the scale of all others; "" where there is none."""
    if codes.scale_of_all is None:
        return ""
    sign = "/" if codes.divided else "x"
    return f" {sign} {printable(codes.scale_of_all.tensor.name.rpartition('.')[2])}"


class Decoding(NamedTuple):
    """The blocks of codes and their scales.

    Attributes
    ----------
    codes : ScaledCodes
        Which scale belongs to which codes.
    doubt : str
        What contradicts that, or why it may be otherwise, in words that follow the tensor's name;
        "" where there is no doubt.
    stated : bool
        Whether the size of blocks is stated, usual, or the only one that fits.
    stated_otherwise : bool
        Whether the configuration states another size.
    """

    codes: ScaledCodes
    doubt: str = ""
    stated: bool = True
    stated_otherwise: bool = False


class Decodings:
    """Decodings of codes, each found out once for all tensors and scales of the same formats.

    Parameters
    ----------
    blocks : tuple of (int, int) or None
        As for `scaled_codes`.
    """

    def __init__(self, blocks: tuple[int, int] | None) -> None:
        self._blocks = blocks
        self._known: dict[tuple[object, ...], Decoding] = {}

    def of(self, tensor: TensorInfo, scale: TensorInfo) -> Decoding:
        """Return what `scaled_codes` returns of two tensors.

        Raises
        ------
        NotScaled
            Where it does.
        """
        form = tensor.dtype, tensor.shape, scale.dtype, scale.shape
        known = self._known.get(form)
        if known is None:
            known = self._known[form] = scaled_codes(tensor, scale, blocks=self._blocks)
            return known
        codes = known.codes
        others = _make_codes(
            *(codes.codes, codes.matrices, codes.rows, codes.columns),
            *(codes.block_rows, codes.block_columns),
            _make_numbers(scale, codes.scales.dtype),
        )
        return Decoding(others, known.doubt, known.stated, known.stated_otherwise)


_make_numbers, _make_codes = maker(Numbers), maker(ScaledCodes)


def scaled_codes(
    tensor: TensorInfo, scale: TensorInfo, *, blocks: tuple[int, int] | None
) -> Decoding:
    """Find the block of codes that each scale of a tensor of 8-bit or 4-bit floats is for.

    Parameters
    ----------
    tensor, scale : TensorInfo
        Codes, and scales.
    blocks : tuple of (int, int) or None
        Size of a block according to the configuration.

    Returns
    -------
    Decoding

    Raises
    ------
    NotScaled
        If the scales have a format that no scales have, or a shape that does not fit.
    """
    numbers = _numbers(scale)
    if tensor.size == 0 or scale.size == 0:
        raise NotScaled(f"the scale in '{printable(scale.name)}' or the tensor is empty")
    shape, grid = tensor.shape, scale.shape
    if scale.size == 1:
        last = shape[-1] if shape else 1
        rows = tensor.size // last
        codes = ScaledCodes(tensor.dtype, 1, rows, last, rows, last, numbers)
        # A matrix that is smaller than a block also has one scale.
        if blocks is None or len(shape) < 2 or _fits(shape[-2:], (1, 1), blocks):
            return Decoding(codes)
        doubt = f"has one scale for all of it{_not_as(blocks)}"
        return Decoding(codes, doubt, stated_otherwise=True)
    if len(grid) < len(shape) and shape[: len(grid)] == grid:
        grid = (*grid, *[1] * (len(shape) - len(grid)))
    if len(grid) == len(shape) and prod(grid[1:]) == 1:  # one scale for each first index
        shape, grid = (shape[0], prod(shape[1:])), (grid[0], 1)
    found = None
    if len(grid) == len(shape) >= 2 and grid[:-2] == shape[:-2]:
        found = _block(shape[-2:], grid[-2:], blocks)
    if found is None or (tensor.dtype == "F4" and (found.columns % 2 or shape[-1] % 2)):
        raise NotScaled(
            f"the scales in '{printable(scale.name)}' are {list(scale.shape)}, which does not fit "
            f"the tensor's {list(tensor.shape)}"
        )
    rows, columns = shape[-2:]
    block = found.rows, found.columns
    codes = ScaledCodes(tensor.dtype, prod(shape[:-2]), rows, columns, *block, numbers)
    doubt = ""
    otherwise = blocks is not None and block != blocks
    if blocks is not None and otherwise:
        doubt = f"has as many scales as blocks of {_size(block)}, by which it is decoded"
        doubt += _not_as(blocks)
    elif not found.sure:
        doubt = (
            f"is decoded by blocks of {_size(block)}: no size is stated, and another would fit its "
            "scales as well"
        )
    return Decoding(codes, doubt, stated=found.sure, stated_otherwise=otherwise)


def block_size(codes: ScaledCodes) -> str:
    """Return rows and columns of a block in words."""
    return _size((codes.block_rows, codes.block_columns))


def packed_mxfp4(tensor: TensorInfo, scale: TensorInfo) -> ScaledCodes | None:
    """Return the codes of MXFP4, two F4 codes in a byte with an exponent for every 32; else None.

    The exponents have the shape of the bytes with a sixteenth of the columns, or without the last
    dimension of 16 bytes. No other storage in bytes has such exponents.
    """
    by_16 = tensor.shape[:-1] == scale.shape and tensor.shape[-1:] == (_MX_BLOCK // 2,)
    within = (
        len(tensor.shape) == len(scale.shape) >= 2
        and tensor.shape[:-1] == scale.shape[:-1]
        and tensor.shape[-1] * 2 == scale.shape[-1] * _MX_BLOCK
    )
    if tensor.dtype not in ("U8", "I8") or scale.dtype not in ("U8", "F8_E8M0"):
        return None
    if not (by_16 or within) or scale.size == 0 or len(scale.shape) < 2:
        return None
    rows, groups = scale.shape[-2:]
    numbers = Numbers(scale, "F8_E8M0")
    return ScaledCodes(
        "F4", prod(scale.shape[:-2]), rows, groups * _MX_BLOCK, 1, _MX_BLOCK, numbers
    )


def stated_blocks(settings: Mapping[str, Any]) -> tuple[tuple[int, int] | None, str]:
    """Return the size of a block according to `config.json`, or what is wrong with the entry.

    Parameters
    ----------
    settings : mapping
        What is stated of how the model is quantised.

    Returns
    -------
    blocks : tuple of (int, int) or None
        Rows and columns; None where the configuration has no valid size.
    warning : str
        A line about an invalid entry; "" where nothing is wrong.
    """
    stated = settings.get("weight_block_size")
    if stated is None:
        return None, ""
    if isinstance(stated, list) and len(stated) == 2:
        rows, columns = stated
        if all(type(size) is int and 0 < size < 1 << 31 for size in stated):
            return (rows, columns), ""
    path = "quantization_config.weight_block_size"
    return None, left_out(path, stated, "is no pair of block sizes")


def _numbers(scale: TensorInfo) -> Numbers:
    if scale.dtype == "U8":  # exponents that were stored without their own format
        return Numbers(scale, "F8_E8M0")
    if scale.dtype not in _SCALE_FORMATS:
        raise NotScaled(f"the scale in '{printable(scale.name)}' is {scale.dtype}")
    return Numbers(scale, scale.dtype)


class _Block(NamedTuple):
    """The size of a block, and whether it is stated, usual, or the only one that fits."""

    rows: int
    columns: int
    sure: bool = True


def _block(
    shape: tuple[int, ...], grid: tuple[int, ...], stated: tuple[int, int] | None
) -> _Block | None:
    """Find the size of the blocks that divide `shape` into `grid`."""
    for block in filter(None, (stated, _USUAL_BLOCK)):
        if _fits(shape, grid, block):
            return _Block(*block)
    sides = [_side(n, g) for n, g in zip(shape, grid, strict=True)]
    if not all(sides):
        return None
    rows, columns = sides
    # The size is sure only if it is a power of two without a smaller block at the edge: with such
    # a block, neighbouring sizes would fit as well, and other sizes are rare.
    sure = all(
        g == 1 or (g * side == n and _is_power_of_two(side))
        for n, g, side in zip(shape, grid, sides, strict=True)
    )
    return _Block(rows, columns, sure)


def _fits(shape: tuple[int, ...], grid: tuple[int, ...], block: tuple[int, int]) -> bool:
    return all(-(-n // b) == g for n, b, g in zip(shape, block, grid, strict=True))


def _side(length: int, blocks: int) -> int:
    """Return the side of blocks that divide a length, the last of which may be smaller.

    Returns
    -------
    int
        The first that exists: a multiple of `_STEP` that divides the length, a power of two, any
        other divisor; 0 if none exists.
    """
    if not 0 < blocks <= length:
        return 0
    least = -(-length // blocks)
    even = length % blocks == 0
    if blocks == 1 or (even and (least % _STEP == 0 or _is_power_of_two(least))):
        return least
    power = 1 << (least - 1).bit_length()
    if -(-length // power) == blocks:
        return power
    return least if even else 0


def _is_power_of_two(number: int) -> bool:
    return number & (number - 1) == 0


def _size(block: tuple[int, int]) -> str:
    return f"{block[0]:,} x {block[1]:,}"


def _not_as(stated: tuple[int, int]) -> str:
    return f", not one for each of {_size(stated)} as config.json says"
