"""Which scales belong to which codes, and which block each of them is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.anatomy.architecture.settings import left_out
from weightgauge.anatomy.storage.stored import Numbers, ScaledCodes
from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

F8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_SCALE_FORMATS = ("F32", "BF16", "F16", "F8_E8M0", "F8_E4M3")
_USUAL_BLOCK = (128, 128)
_STEP = 16
"""Sizes of blocks are multiples of this in every format that is known."""
_MX_BLOCK = 32
"""Elements that share an exponent in the microscaling formats of the Open Compute Project."""


class NotScaled(Exception):
    """Codes whose scales cannot be applied; the argument says why, in a clause."""


def scale_names(name: str) -> Iterator[str]:
    """Names under which the scales of a tensor may lie beside it; all of them multiply."""
    yield f"{name}_scale_inv"
    yield f"{name}_scale"
    owner, _, last = name.rpartition(".")
    if last in ("weight", "weight_packed") and owner:
        leaves = "weight_scale scale scale_inv scale_weight qscale_weight"
        yield from (f"{owner}.{leaf}" for leaf in leaves.split())


def further_scale(name: str, tensors: Mapping[str, TensorInfo]) -> str | None:
    """Name of a second scale, for all blocks together, as NVFP4 has it."""
    owner = name.rpartition(".")[0]
    names = (f"{name}_scale_2", f"{owner}.weight_scale_2", f"{owner}.weight_global_scale")
    return next((other for other in names if other in tensors), None)


class Decoding(NamedTuple):
    """Codes with their scales.

    Attributes
    ----------
    codes : ScaledCodes
        What belongs to what.
    doubt : str
        What contradicts that, or why it might be otherwise, in words that follow the tensor's name;
        "" where there is no doubt.
    stated : bool
        Whether the size of blocks is stated, usual, or the only one that fits.
    """

    codes: ScaledCodes
    doubt: str = ""
    stated: bool = True


def scaled_codes(
    tensor: TensorInfo, scale: TensorInfo, *, blocks: tuple[int, int] | None
) -> Decoding:
    """Tell the block of every scale of a tensor of 8-bit or 4-bit floats.

    Parameters
    ----------
    tensor, scale : TensorInfo
        Codes and scales.
    blocks : tuple of (int, int) or None
        Size of a block according to the configuration.

    Returns
    -------
    Decoding

    Raises
    ------
    NotScaled
        If the scales have a format that is none, or a shape that does not fit.
    """
    numbers = _numbers(scale)
    if tensor.size == 0 or scale.size == 0:
        raise NotScaled(f"the scale in '{printable(scale.name)}' or the tensor is empty")
    shape, grid = tensor.shape, scale.shape
    if scale.size == 1:
        last = shape[-1] if shape else 1
        rows = tensor.size // last
        codes = ScaledCodes(tensor.dtype, 1, rows, last, rows, last, numbers)
        # A matrix that is smaller than a block has one scale too.
        if blocks is None or len(shape) < 2 or _fits(shape[-2:], (1, 1), blocks):
            return Decoding(codes)
        return Decoding(codes, f"has one scale for all of it{_not_as(blocks)}")
    if len(grid) < len(shape) and shape[: len(grid)] == grid:
        grid = (*grid, *[1] * (len(shape) - len(grid)))
    if len(grid) == len(shape) and prod(grid[1:]) == 1:  # a scale for each of the outermost
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
    if blocks is not None and block != blocks:
        doubt = f"has as many scales as blocks of {_size(block)}, by which it is decoded"
        doubt += _not_as(blocks)
    elif not found.sure:
        doubt = (
            f"is decoded by blocks of {_size(block)}: no size is stated, and another would fit its "
            "scales as well"
        )
    return Decoding(codes, doubt, stated=found.sure)


def packed_mxfp4(tensor: TensorInfo, scale: TensorInfo) -> ScaledCodes | None:
    """Tell whether bytes are pairs of F4 codes with an exponent for every 32: MXFP4.

    The exponents' shape is the bytes' with a sixteenth of the columns, or without the dimension of
    16 bytes that one exponent is for. Nothing else that is stored in bytes has such exponents.
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


def stated_blocks(config: Mapping[str, Any] | None) -> tuple[tuple[int, int] | None, str]:
    """Tell the size of a block according to `config.json`, or what is wrong with what it says.

    Returns
    -------
    blocks : tuple of (int, int) or None
        Rows and columns.
    warning : str
        A line; "" where nothing is wrong.
    """
    quantisation = (config or {}).get("quantization_config")
    if quantisation is None:
        return None, ""
    if not isinstance(quantisation, Mapping):
        return None, left_out("quantization_config", quantisation, "is no object")
    stated = quantisation.get("weight_block_size")
    if stated is None:
        return None, ""
    if isinstance(stated, list) and len(stated) == 2:
        rows, columns = stated
        if all(type(size) is int and 0 < size < 1 << 31 for size in stated):
            return (rows, columns), ""
    path = "quantization_config.weight_block_size"
    return None, left_out(path, stated, "is no pair of block sizes")


def _numbers(scale: TensorInfo) -> Numbers:
    if scale.dtype == "U8":  # exponents, where the format of their own was not at hand
        return Numbers(scale, "F8_E8M0")
    if scale.dtype not in _SCALE_FORMATS:
        raise NotScaled(f"the scale in '{printable(scale.name)}' is {scale.dtype}")
    return Numbers(scale, scale.dtype)


class _Block(NamedTuple):
    """A size, and whether it is stated, usual, or the only one that fits."""

    rows: int
    columns: int
    sure: bool = True


def _block(
    shape: tuple[int, ...], grid: tuple[int, ...], stated: tuple[int, int] | None
) -> _Block | None:
    """Find the size of a block of which `grid` make up `shape`."""
    for block in filter(None, (stated, _USUAL_BLOCK)):
        if _fits(shape, grid, block):
            return _Block(*block)
    sides = [_side(n, g) for n, g in zip(shape, grid, strict=True)]
    if not all(sides):
        return None
    rows, columns = sides
    # Other sizes than powers of two are rare, and one that leaves a smaller block at the edge
    # cannot be told from its neighbours.
    sure = all(
        g == 1 or (g * side == n and _is_power_of_two(side))
        for n, g, side in zip(shape, grid, sides, strict=True)
    )
    return _Block(rows, columns, sure)


def _fits(shape: tuple[int, ...], grid: tuple[int, ...], block: tuple[int, int]) -> bool:
    return all(-(-n // b) == g for n, b, g in zip(shape, block, grid, strict=True))


def _side(length: int, blocks: int) -> int:
    """Side of a block of which so many make up a length, the last of them perhaps smaller.

    Returns
    -------
    int
        A multiple of `_STEP` without a rest, else a power of two, else any that leaves no rest; 0
        for none.
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
