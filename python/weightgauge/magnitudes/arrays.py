"""Array-likes as the core sees them: memory, element format, strides. Nothing is copied."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.errors import UnsupportedDtypeError, printable

if TYPE_CHECKING:
    from weightgauge import _core

# NumPy dtype name (ml_dtypes registers its own) -> element format.
_NUMPY_FORMATS = {
    "float64": "F64",
    "float32": "F32",
    "float16": "F16",
    "bfloat16": "BF16",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
    "float4_e2m1fn": "F4_UNPACKED",  # ml_dtypes keeps one code per byte
}

_CPU_DEVICES = (1, 3)  # DLPack: plain memory, and memory pinned for a GPU


def array_view(array: object) -> _core.ArrayView:
    """Return a view of an array-like's memory; the view keeps its owner alive.

    Raises
    ------
    UnsupportedDtypeError
        The array has no floating-point format that is known here, or a foreign byte order, or is
        not in the CPU's memory.
    """
    if isinstance(array, np.ndarray):
        return _numpy_view(array)
    if hasattr(array, "__dlpack__"):
        return _dlpack_view(array)
    return _numpy_view(_as_numpy(array))


def _numpy_view(array: np.ndarray[Any, Any]) -> _core.ArrayView:
    from weightgauge import _core

    if np.ma.is_masked(array):
        raise UnsupportedDtypeError(
            "a masked array's mask would be overlooked; pass array.compressed()"
        )
    dtype = array.dtype
    if dtype.name not in _NUMPY_FORMATS:
        raise UnsupportedDtypeError(_unsupported(f"dtype {dtype.name}"))
    if not dtype.isnative:
        raise UnsupportedDtypeError(
            f"dtype {dtype.str} has a foreign byte order; convert it with "
            ".astype(array.dtype.newbyteorder('='))"
        )
    try:
        return _core.ArrayView.from_numpy(array, _NUMPY_FORMATS[dtype.name])
    except BufferError as error:
        raise UnsupportedDtypeError(f"the array cannot be read: {error}") from error


def _dlpack_view(array: Any) -> _core.ArrayView:
    from weightgauge import _core

    if getattr(array, "requires_grad", False):
        array = array.detach()  # PyTorch exports no tensor that records gradients
    device = _device(array)
    if device not in _CPU_DEVICES:
        raise UnsupportedDtypeError(
            f"the {type(array).__name__} lies on a device (DLPack type {device}); "
            "move it to the CPU first"
        )
    try:
        return _core.ArrayView.from_dlpack(_capsule(array))
    except TypeError as error:
        dtype = getattr(array, "dtype", None)
        what = f"dtype {error if dtype is None else dtype}"
        raise UnsupportedDtypeError(_unsupported(printable(what))) from error
    except BufferError as error:
        raise UnsupportedDtypeError(
            f"the {type(array).__name__} cannot be read in place: {error}"
        ) from error


def _device(array: Any) -> int:
    try:
        return int(array.__dlpack_device__()[0])
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise UnsupportedDtypeError(
            f"the {type(array).__name__} does not say on which device it lies: {error}"
        ) from error


def _capsule(array: Any) -> object:
    try:
        return array.__dlpack__(max_version=(1, 1))
    except TypeError:  # the exporter is older than DLPack 1.0
        return array.__dlpack__()


def _as_numpy(array: object) -> np.ndarray[Any, Any]:
    try:
        converted = np.asarray(array)
    except (TypeError, ValueError) as error:
        raise UnsupportedDtypeError(
            f"a {type(array).__name__} is no array of numbers: {error}"
        ) from error
    # A plain sequence has no dtype, so whole numbers in it are numbers like any other.
    if isinstance(array, (list, tuple)) and (converted.dtype.kind in "iu" or converted.size == 0):
        return converted.astype(np.float64)
    return converted


def _unsupported(what: str) -> str:
    formats = "float64, float32, float16, bfloat16, float8 or float4"
    return f"{what} has no magnitudes to fit; the elements must be {formats}"
