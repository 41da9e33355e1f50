"""Every way an array can arrive: strides, owners, protocols, and dtypes that are refused."""

from __future__ import annotations

import array
import gc
import sys
import tracemalloc
import weakref

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from oracle import inverted_cdf, magnitudes, order_fit
from samples import FORMATS, as_float64, draw
from weightgauge.errors import UnsupportedDtypeError, WeightgaugeError

LAYOUT_FORMATS = ("BF16", "F16", "F8_E4M3", "F4", "F32", "F64")


def assert_same(argument, values):
    """The argument is measured as a plain contiguous array of the same values would be."""
    plain = np.array(values, order="C")
    assert wg.magnitude_histogram(argument) == wg.magnitude_histogram(plain)
    assert wg.fit_weibull(argument).to_dict() == wg.fit_weibull(plain).to_dict()
    x = magnitudes(as_float64(plain))
    probs = [0.0, 0.3, 1.0]
    if x.size:
        np.testing.assert_array_equal(wg.quantiles(argument, probs), inverted_cdf(x, probs))
        assert wg.fit_weibull(argument).n == x.size
    else:
        assert wg.fit_weibull(argument).status == "empty"


def layouts(base):
    """Views of a (30, 8, 10) array that no single run of memory covers in order."""
    return {
        "every_other": base[::2],
        "last_axis_step": base[..., ::3],
        "negative": base[::-1],
        "all_negative": base[::-1, ::-1, ::-2],
        "transposed": base.T,
        "swapped": base.transpose(1, 2, 0),
        "fortran": np.asfortranarray(base),
        "column": base[:, 3, 7],
        "inner_block": base[3:20, 2:5, 4:9],
        "broadcast_rows": np.broadcast_to(base[:, :1, :], base.shape),
        "broadcast_last": np.broadcast_to(base[..., 2:3], (*base.shape[:2], 5)),
        "broadcast_scalar": np.broadcast_to(base[1, 2, 3], (6, 7)),
        "new_axes": base[None, :, None, :, 0, None],
        "no_elements": base[:, 5:5, :],
    }


@pytest.mark.parametrize("layout", layouts(np.zeros((30, 8, 10))))
@pytest.mark.parametrize("spelling", LAYOUT_FORMATS)
def test_any_strides(spelling, layout):
    view = layouts(draw("normal_1", spelling, 2400).reshape(30, 8, 10))[layout]
    assert_same(view, view)


@pytest.mark.parametrize("spelling", ["BF16", "F32"])
def test_large_strided_arrays(spelling):
    # Long enough to be binned and to be cut among threads, in every layout.
    base = draw("normal_1", spelling, 700_000).reshape(700, 1000)
    for view in (base[::2, ::2], base.T, base[:, ::-1], np.broadcast_to(base[:1], (400, 1000))):
        assert_same(view, view)


@pytest.mark.parametrize("spelling", FORMATS)
def test_zero_dimensional_and_empty(spelling):
    dtype = FORMATS[spelling]
    assert wg.fit_weibull(np.array(1, dtype)).status == "too_few"
    assert wg.magnitude_histogram(np.array(2, dtype)).magnitudes.tolist() == [2.0]
    for shape in ((0,), (3, 0), (0, 4, 2)):
        empty = np.empty(shape, dtype)
        assert wg.fit_weibull(empty).status == "empty"
        assert wg.magnitude_histogram(empty).n == 0
        assert np.isnan(wg.quantiles(empty, 0.5))


@pytest.mark.parametrize("spelling", LAYOUT_FORMATS)
def test_read_only(spelling):
    values = draw("normal_1", spelling, 1000)
    values.setflags(write=False)
    assert_same(values, values)


@pytest.mark.parametrize("shift", [1, 2, 3, 5, 7])
@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32", "F64"])
def test_misaligned(spelling, shift):
    values = draw("normal_1", spelling, 50_000)
    memory = np.zeros(values.nbytes + 16, np.uint8)
    memory[shift : shift + values.nbytes] = values.view(np.uint8)
    moved = memory[shift : shift + values.nbytes].view(values.dtype)
    if shift % values.itemsize:
        assert not moved.flags.aligned
    assert_same(moved, values)
    # A field of a packed record: misaligned and strided at once.
    record = np.zeros(2000, np.dtype([("pad", np.uint8), ("w", values.dtype)]))
    record["w"] = values[:2000]
    assert_same(record["w"], values[:2000])


def test_array_is_not_changed():
    values = draw("half_zeros", "F32", 200_000)
    before = values.copy()
    for exact in (False, True):
        wg.fit_weibull(values, exact=exact)
    wg.quantiles(values, 0.5)
    np.testing.assert_array_equal(values.view(np.uint32), before.view(np.uint32))


def test_subclasses_are_measured_as_their_data():
    values = draw("normal_1", "F64", 600)
    assert_same(np.ma.masked_array(values), values)
    assert_same(values.view(np.recarray), values)


@pytest.mark.parametrize("convert", [list, tuple])
def test_sequences_of_floats(convert):
    values = draw("normal_1", "F64", 500)
    assert_same(convert(values.tolist()), values)
    nested = values.reshape(20, 25).tolist()
    assert_same(convert(nested), values)


# -- memory ------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", ["BF16", "F32"])
@pytest.mark.parametrize("layout", ["contiguous", "transposed", "every_other"])
def test_weights_are_not_copied(spelling, layout):
    values = np.tile(draw("normal_1", spelling, 2**20), 32).reshape(4096, 8192)
    view = {"contiguous": values, "transposed": values.T, "every_other": values[:, ::2]}[layout]
    wg.fit_weibull(values[:10])  # imports and tables of a first call
    tracemalloc.start()
    try:
        wg.fit_weibull(view)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # NumPy reports its buffers to tracemalloc: a copy would show with 32 to 128 MB.
    assert peak < 16 * 2**20


def test_owner_is_released_after_the_call():
    class Owned(np.ndarray):
        pass

    values = draw("normal_1", "F32", 1000).view(Owned)
    count = sys.getrefcount(values)
    wg.fit_weibull(values)
    wg.quantiles(values, 0.5)
    histogram = wg.magnitude_histogram(values)
    assert sys.getrefcount(values) == count
    gone = weakref.ref(values)
    del values
    gc.collect()
    assert gone() is None
    assert histogram.n == 1000


# -- other protocols ---------------------------------------------------------------------------


class DLPackOnly:
    """Exports its array through DLPack and offers nothing else."""

    def __init__(self, exporter):
        self._exporter = exporter

    def __dlpack__(self, **options):
        return self._exporter.__dlpack__(**options)

    def __dlpack_device__(self):
        return self._exporter.__dlpack_device__()


class OldDLPackOnly(DLPackOnly):
    """As before version 1.0 of the protocol: `stream` is all that may be passed."""

    def __dlpack__(self, stream=None):
        return self._exporter.__dlpack__()


@pytest.mark.parametrize("wrapper", [DLPackOnly, OldDLPackOnly])
@pytest.mark.parametrize("spelling", ["F16", "F32", "F64"])
def test_dlpack(spelling, wrapper):
    values = draw("normal_1", spelling, 2400).reshape(40, 60)
    for view in (values, values.T, values[::3, ::2], values[:0], values[3, 4]):
        assert_same(wrapper(np.asarray(view)), np.asarray(view))
    assert_same(wrapper(values[::-1]), values)


@pytest.mark.parametrize("dtype", [np.int8, np.uint16, np.int64, np.bool_, np.complex64])
def test_dlpack_of_other_dtypes_is_refused(dtype):
    with pytest.raises(UnsupportedDtypeError, match=np.dtype(dtype).name):
        wg.fit_weibull(DLPackOnly(np.ones(20, dtype)))


def test_dlpack_owner_is_released():
    values = draw("normal_1", "F32", 1000)
    count = sys.getrefcount(values)
    wg.fit_weibull(DLPackOnly(values))
    gc.collect()
    assert sys.getrefcount(values) == count


@pytest.mark.parametrize(("code", "spelling"), [("f", "F32"), ("d", "F64")])
def test_array_module(code, spelling):
    values = draw("normal_1", spelling, 1000)
    assert_same(array.array(code, values.tolist()), values)


@pytest.mark.parametrize("spelling", ["F16", "F32", "F64"])
def test_memoryview(spelling):
    values = draw("normal_1", spelling, 1200).reshape(30, 40)
    for view in (values, values[::2], values.T, values[::-1, ::-3]):
        assert_same(memoryview(view), view)


@pytest.mark.parametrize(
    "data",
    [b"0123456789ab", bytearray(16), array.array("i", [1, 2, 3]), memoryview(b"0123456789")],
    ids=["bytes", "bytearray", "array_i", "memoryview_B"],
)
def test_buffers_of_integers_are_refused(data):
    with pytest.raises(UnsupportedDtypeError):
        wg.fit_weibull(data)


# -- torch -------------------------------------------------------------------------------------

TORCH = {
    "BF16": "bfloat16",
    "F16": "float16",
    "F32": "float32",
    "F64": "float64",
    "F8_E4M3": "float8_e4m3fn",
    "F8_E5M2": "float8_e5m2",
    "F8_E4M3FNUZ": "float8_e4m3fnuz",
    "F8_E5M2FNUZ": "float8_e5m2fnuz",
    "F8_E8M0": "float8_e8m0fnu",
}
CODE = {1: np.uint8, 2: np.int16, 4: np.int32, 8: np.int64}


def tensor_of(torch, values):
    """A torch tensor of the same bits."""
    spelling = next(s for s, d in FORMATS.items() if d == values.dtype)
    codes = torch.from_numpy(values.view(CODE[values.itemsize]).copy())
    return codes.view(getattr(torch, TORCH[spelling]))


@pytest.mark.parametrize("spelling", TORCH)
def test_torch_tensors(spelling):
    torch = pytest.importorskip("torch")
    values = draw("normal_1", spelling, 2400).reshape(40, 60)
    tensor = tensor_of(torch, values)
    assert_same(tensor, values)
    assert_same(tensor.t(), values.T)
    assert_same(tensor[3:30:2, 5:], values[3:30:2, 5:])
    assert_same(tensor[7], values[7])
    assert_same(tensor[:0], values[:0])
    assert_same(tensor[0, 0], values[0, 0])
    assert_same(tensor[:1].expand(9, 60), np.broadcast_to(values[:1], (9, 60)))


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F32", "F64"])
def test_torch_tensors_that_require_gradients(spelling):
    torch = pytest.importorskip("torch")
    values = draw("normal_1", spelling, 1000)
    leaf = tensor_of(torch, values).requires_grad_()
    assert_same(leaf, values)
    assert_same(leaf * 1, values)
    assert_same(torch.nn.Parameter(tensor_of(torch, values)), values)
    assert leaf.requires_grad


@pytest.mark.parametrize("spelling", ["BF16", "F8_E5M2", "F32"])
def test_torch_through_dlpack_alone(spelling):
    torch = pytest.importorskip("torch")
    values = draw("normal_1", spelling, 2400).reshape(40, 60)
    assert_same(DLPackOnly(tensor_of(torch, values).t()), values.T)


@pytest.mark.parametrize("name", ["int8", "uint8", "int32", "int64", "bool", "complex64"])
def test_torch_tensors_of_other_dtypes_are_refused(name):
    torch = pytest.importorskip("torch")
    for measure in (wg.fit_weibull, wg.magnitude_histogram):
        with pytest.raises(UnsupportedDtypeError, match=name):
            measure(torch.ones(20, dtype=getattr(torch, name)))


def test_torch_tensor_without_data_is_refused():
    torch = pytest.importorskip("torch")
    with pytest.raises((TypeError, ValueError), match="meta"):
        wg.fit_weibull(torch.empty(20, device="meta"))


def test_torch_sparse_tensor_is_refused():
    torch = pytest.importorskip("torch")
    sparse = torch.eye(4).to_sparse()
    with pytest.raises((TypeError, ValueError), match=r"sparse|strided"):
        wg.fit_weibull(sparse)


def test_torch_lazy_negation_and_conjugation_are_resolved_or_harmless():
    torch = pytest.importorskip("torch")
    # The imaginary part of a conjugate is a view with a pending minus sign.
    lazy = torch.complex(torch.arange(1.0, 31), torch.arange(31.0, 61)).conj().imag
    assert lazy.is_neg()
    assert_same(lazy, np.arange(31.0, 61, dtype=np.float32))


# -- refused dtypes ----------------------------------------------------------------------------

REFUSED = [
    *(np.dtype(t) for t in "bBhHiIlLqQ"),
    *(np.dtype(t) for t in ("bool", "complex64", "complex128", "longdouble", "clongdouble")),
    *(np.dtype(t) for t in ("M8[s]", "m8[ns]", "S4", "U4", "V3")),
    *(np.dtype(getattr(ml_dtypes, t)) for t in ("float8_e3m4", "float8_e4m3")),
    *(np.dtype(getattr(ml_dtypes, t)) for t in ("float8_e4m3b11fnuz", "float6_e2m3fn", "int4")),
]


@pytest.mark.parametrize("dtype", REFUSED, ids=str)
def test_other_dtypes_are_refused_by_name(dtype):
    values = np.zeros(20, dtype)
    for measure in (wg.fit_weibull, wg.magnitude_histogram, lambda a: wg.quantiles(a, 0.5)):
        with pytest.raises(UnsupportedDtypeError) as caught:
            measure(values)
        assert dtype.name in str(caught.value) or str(dtype) in str(caught.value)
        assert isinstance(caught.value, TypeError)
        assert isinstance(caught.value, WeightgaugeError)


@pytest.mark.parametrize("dtype", [">f2", ">f4", ">f8"])
def test_foreign_byte_order_is_refused(dtype):
    with pytest.raises(UnsupportedDtypeError, match=rf"{dtype}|big.endian|byte order"):
        wg.fit_weibull(np.ones(20, dtype))


def test_objects_and_records_are_refused():
    record = np.zeros(20, np.dtype([("a", "f4"), ("b", "f4")]))
    objects = np.array([1.5, None, "x"] * 10, dtype=object)
    for values in (record, objects):
        with pytest.raises(UnsupportedDtypeError):
            wg.fit_weibull(values)
    with pytest.raises(UnsupportedDtypeError, match="object"):
        wg.fit_weibull(objects)


@pytest.mark.parametrize("thing", [None, "model", {"w": 1.0}, object(), 1 + 2j, [1.0, "x"]])
def test_what_is_no_array_is_a_type_error(thing):
    with pytest.raises(TypeError):
        wg.fit_weibull(thing)


@pytest.mark.parametrize("ragged", [[[1.0, 2.0], [3.0]], [1.0, [2.0]]])
def test_ragged_sequences_are_refused(ragged):
    with pytest.raises((TypeError, ValueError)):
        wg.fit_weibull(ragged)


def test_strided_fit_agrees_with_the_oracle():
    # One end to end check that does not lean on the contiguous path.
    base = draw("normal_1", "F32", 90_000).reshape(300, 300)
    view = base.T[::-2, 5::3]
    fit, expected = wg.fit_weibull(view), order_fit(magnitudes(view))
    # 15,000 elements: counted apart, hence exact.
    assert (fit.k, fit.lam, fit.r2) == relative((expected.k, expected.lam, expected.r2), rel=1e-12)


def test_masked_array_is_refused():
    with pytest.raises(UnsupportedDtypeError, match="mask"):
        wg.fit_weibull(np.ma.masked_array([1.0, 2.0], mask=[True, False]))


def test_array_larger_than_any_memory_is_refused():
    with pytest.raises(ValueError, match="2\\^42"):
        wg.fit_weibull(np.broadcast_to(np.float32(1), (2**60,)))
