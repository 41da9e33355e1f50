"""The arrays that a model in memory may hold: what they are, and where their elements lie."""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from weightgauge.dtypes import DTYPE_BITS, FORMAT_OF_SIZE, ITEM_BYTES
from weightgauge.errors import LiveModelError, UnsupportedDtypeError, printable
from weightgauge.scanning.live.shards import Sharding, is_dtensor, local_part
from weightgauge.scanning.live.strides import in_c_order, overlapping, reaches_beyond_memory

if TYPE_CHECKING:
    from weightgauge import _core

_NUMPY = {
    "bool": "BOOL",
    "uint8": "U8",
    "int8": "I8",
    "uint16": "U16",
    "int16": "I16",
    "uint32": "U32",
    "int32": "I32",
    "uint64": "U64",
    "int64": "I64",
    "float16": "F16",
    "bfloat16": "BF16",
    "float32": "F32",
    "float64": "F64",
    "complex64": "C64",
    "float8_e4m3fn": "F8_E4M3",
    "float8_e5m2": "F8_E5M2",
    "float8_e4m3fnuz": "F8_E4M3FNUZ",
    "float8_e5m2fnuz": "F8_E5M2FNUZ",
    "float8_e8m0fnu": "F8_E8M0",
}
_TORCH = {**_NUMPY, "float4_e2m1fn_x2": "F4"}
_SIGNED = {1: "int8", 2: "int16", 4: "int32", 8: "int64"}


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class LiveArray:
    """One array: a NumPy array, or a PyTorch tensor on any device.

    Attributes
    ----------
    array : object
        The array; nothing is copied before it is read.
    dtype : str
        Element format in the spelling of safetensors.
    shape : tuple of int
        Elements along each dimension.
    strides : tuple of int or None
        Strides in bytes, where the array is read where it lies and that is not C order.
    memory : tuple
        Device, place, extent and format of its memory: equal for tied tensors.
    resident : bool
        Whether it lies in the memory of the processor.
    sharding : Sharding or None
        Which part it is of a tensor that lies in several processes.
    """

    array: Any
    dtype: str
    shape: tuple[int, ...]
    strides: tuple[int, ...] | None
    memory: tuple[str, int, int, str]
    resident: bool = True
    sharding: Sharding | None = None

    @property
    def nbytes(self) -> int:
        """Length in bytes of what is here."""
        return nbytes_of(self.dtype, self.shape)

    @property
    def whole(self) -> tuple[int, ...]:
        """Shape of the tensor, of which a part may be here."""
        return self.shape if self.sharding is None else self.sharding.shape

    def view(self, *, as_it_lies: bool) -> _core.ArrayView:
        """Return the elements as the core reads them; see `LiveShard.source`."""
        from weightgauge import _core

        plain = plain_array(self.array)
        # Bytes are also read as scales or codes, or for a digest, whatever they were made as.
        dtype = self.dtype if self.dtype in ITEM_BYTES else FORMAT_OF_SIZE[plain.itemsize]
        if not as_it_lies:
            plain = np.ascontiguousarray(plain)
        return _core.ArrayView.from_numpy(plain, dtype)


def live_array(name: str, array: object) -> LiveArray:
    """Describe an array of a model.

    Parameters
    ----------
    name : str
        What the model calls it.
    array : object
        A PyTorch tensor, a DTensor too, or what NumPy takes for an array of numbers.

    Returns
    -------
    LiveArray

    Raises
    ------
    UnsupportedDtypeError
        The elements are in no format of safetensors, or masked, or in a foreign byte order.
    LiveModelError
        There are no values, or it is no array.
    """
    if is_dtensor(array):
        local, sharding = local_part(name, array)
        return replace(_of_tensor(name, local), sharding=sharding)
    return _of_tensor(name, array) if is_tensor(array) else _of_numpy(name, array)


def is_tensor(array: object) -> bool:
    """Tell whether an object is a tensor of PyTorch, or behaves like one."""
    return all(hasattr(array, each) for each in ("detach", "device", "element_size", "stride"))


def _of_numpy(name: str, given: object) -> LiveArray:
    if isinstance(given, np.ma.MaskedArray) and np.ma.is_masked(given):
        raise UnsupportedDtypeError(f"'{printable(name)}' is masked; the mask would be overlooked")
    array = _numpy_array(name, given)
    dtype = _NUMPY.get(array.dtype.name)
    if dtype is None:
        raise UnsupportedDtypeError(
            f"'{printable(name)}' has the dtype {array.dtype}, which no checkpoint holds"
        )
    if not array.dtype.isnative:
        raise UnsupportedDtypeError(
            f"'{printable(name)}' has a foreign byte order; convert it with "
            ".astype(array.dtype.newbyteorder('='))"
        )
    start = array.__array_interface__["data"][0]
    _check_reach(name, start, array.shape, array.strides)
    low = start + sum(s * (n - 1) for n, s in zip(array.shape, array.strides, strict=True) if s < 0)
    return LiveArray(
        array=array,
        dtype=dtype,
        shape=array.shape,
        strides=_strides(array.shape, array.strides, array.itemsize),
        memory=("cpu", low, array.nbytes, dtype),
    )


def _numpy_array(name: str, given: Any) -> np.ndarray[Any, Any]:
    if isinstance(given, np.ndarray):
        return given
    arrayed = any(hasattr(given, each) for each in ("__array__", "__dlpack__"))
    if not arrayed:
        try:
            memoryview(given)
        except TypeError:
            raise LiveModelError(
                f"'{printable(name)}' is a {type(given).__name__}, no array; a model is a module, "
                "or a mapping of names to arrays"
            ) from None
    try:
        if hasattr(given, "__array__") or not arrayed:
            return np.asarray(given)
        return np.from_dlpack(given)
    except (TypeError, ValueError, RuntimeError, BufferError) as error:
        raise LiveModelError(f"'{printable(name)}' cannot be read: {error}") from error


def _of_tensor(name: str, tensor: Any) -> LiveArray:
    device = str(getattr(tensor.device, "type", tensor.device))
    if device == "meta":
        raise LiveModelError(
            f"'{printable(name)}' lies on the meta device, where tensors have no values; "
            "load the weights first"
        )
    word = str(tensor.dtype).removeprefix("torch.")
    dtype = _TORCH.get(word)
    layout = str(getattr(tensor, "layout", "torch.strided"))
    if dtype is None or layout != "torch.strided":
        what = f"the dtype {word}" if dtype is None else f"the layout {layout}"
        raise UnsupportedDtypeError(f"'{printable(name)}' has {what}, which no checkpoint holds")
    try:
        shape = tuple(int(extent) for extent in tensor.shape)
        strides = tuple(int(step) * tensor.element_size() for step in tensor.stride())
        place = int(tensor.data_ptr())
    except RuntimeError as error:
        raise LiveModelError(
            f"'{printable(name)}' is a {type(tensor).__name__} without memory of its own: {error}"
        ) from error
    _check_reach(name, place, shape, strides)
    resident = device == "cpu"
    nbytes = tensor.element_size() * int(tensor.numel())
    moved = _strides(shape, strides, tensor.element_size()) if resident and dtype != "F4" else None
    if dtype == "F4":  # two elements in a byte
        shape = (*shape[:-1], 2 * shape[-1]) if shape else shape
    return LiveArray(
        array=tensor,
        dtype=dtype,
        shape=shape,
        strides=moved,
        memory=(str(tensor.device), place, nbytes, dtype),
        resident=resident,
    )


def _check_reach(name: str, start: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
    if reaches_beyond_memory(start, shape, strides):
        raise LiveModelError(
            f"'{printable(name)}' has strides that reach beyond any memory: {strides} bytes for "
            f"the shape {shape}"
        )


def _strides(shape: tuple[int, ...], strides: tuple[int, ...], item: int) -> tuple[int, ...] | None:
    """Return the strides of an array that is read where it lies, None for C order or a copy."""
    usual = in_c_order(shape, strides, item)
    return None if usual or overlapping(shape, strides, item) else strides


def plain_array(array: Any) -> np.ndarray[Any, Any]:
    """Return an array of NumPy with the same memory.

    Its items have the size of the array's elements, and may be integers in place of numbers that
    NumPy does not know. A tensor on a device is copied.
    """
    if isinstance(array, np.ndarray):
        return array
    tensor = array.detach()
    if str(getattr(tensor.device, "type", tensor.device)) != "cpu":
        tensor = tensor.to("cpu")
    torch = sys.modules["torch"]
    # NumPy has not all formats; integers of the same size have the same bytes.
    whole = getattr(torch, _SIGNED[tensor.element_size()])
    found: np.ndarray[Any, Any] = tensor.view(whole).numpy()
    return found


def nbytes_of(dtype: str, shape: tuple[int, ...]) -> int:
    """Return the length in bytes of a tensor in a checkpoint."""
    elements = 1
    for extent in shape:
        elements *= extent
    return elements * DTYPE_BITS[dtype] // 8
