"""Which scales belong to which codes, and which block each of them is for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import TYPE_CHECKING, Any

from weightgauge.errors import printable
from weightgauge.storage.stored import Numbers, ScaledCodes

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

F8 = ("F8_E4M3", "F8_E5M2", "F8_E4M3FNUZ", "F8_E5M2FNUZ")
_SCALE_FORMATS = ("F32", "BF16", "F16", "F8_E8M0", "F8_E4M3")
_USUAL_BLOCK = (128, 128)
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


def scaled_codes(
    tensor: TensorInfo, scale: TensorInfo, *, blocks: tuple[int, int] | None
) -> ScaledCodes:
    """Tell the block of every scale of a tensor of 8-bit or 4-bit floats.

    Parameters
    ----------
    tensor, scale : TensorInfo
        Codes and scales.
    blocks : tuple of (int, int) or None
        Size of a block according to the configuration.

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
        return ScaledCodes(tensor.dtype, 1, rows, last, rows, last, numbers)
    if len(grid) < len(shape) and shape[: len(grid)] == grid:
        grid = (*grid, *[1] * (len(shape) - len(grid)))
    if len(grid) == len(shape) and prod(grid[1:]) == 1:  # a scale for each of the outermost
        shape, grid = (shape[0], prod(shape[1:])), (grid[0], 1)
    found = None
    if len(grid) == len(shape) >= 2 and grid[:-2] == shape[:-2]:
        found = _block(shape[-2:], grid[-2:], blocks)
    if found is None or (tensor.dtype == "F4" and (found[1] % 2 or shape[-1] % 2)):
        raise NotScaled(
            f"the scales in '{printable(scale.name)}' are {list(scale.shape)}, which does not fit "
            f"the tensor's {list(tensor.shape)}"
        )
    rows, columns = shape[-2:]
    return ScaledCodes(tensor.dtype, prod(shape[:-2]), rows, columns, *found, numbers)


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


def stated_blocks(config: Mapping[str, Any] | None) -> tuple[int, int] | None:
    """Size of a block according to `config.json`."""
    quantisation = (config or {}).get("quantization_config")
    stated = quantisation.get("weight_block_size") if isinstance(quantisation, Mapping) else None
    if not isinstance(stated, list) or len(stated) != 2:
        return None
    if not all(type(size) is int and 0 < size < 1 << 31 for size in stated):
        return None
    return stated[0], stated[1]


def _numbers(scale: TensorInfo) -> Numbers:
    if scale.dtype == "U8":  # exponents, where the format of their own was not at hand
        return Numbers(scale, "F8_E8M0")
    if scale.dtype not in _SCALE_FORMATS:
        raise NotScaled(f"the scale in '{printable(scale.name)}' is {scale.dtype}")
    return Numbers(scale, scale.dtype)


def _block(
    shape: tuple[int, ...], grid: tuple[int, ...], stated: tuple[int, int] | None
) -> tuple[int, int] | None:
    """Find the size of a block of which `grid` make up `shape`."""
    for block in filter(None, (stated, _USUAL_BLOCK)):
        if all(-(-n // b) == g for n, b, g in zip(shape, block, grid, strict=True)):
            return block
    if any(g == 0 or n % g for n, g in zip(shape, grid, strict=True)):
        return None
    return shape[0] // grid[0], shape[1] // grid[1]
