"""Exporters of arrays that say what cannot be: a typed error, and no byte is read beyond memory."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import weightgauge as wg
from weightgauge.errors import UnsupportedDtypeError

HUGE = 2**63 - 1


class Tensor(ctypes.Structure):
    """DLTensor, from the specification of DLPack."""

    _fields_ = (
        ("data", ctypes.c_void_p),
        ("device_type", ctypes.c_int32),
        ("device_id", ctypes.c_int32),
        ("ndim", ctypes.c_int32),
        ("code", ctypes.c_uint8),
        ("bits", ctypes.c_uint8),
        ("lanes", ctypes.c_uint16),
        ("shape", ctypes.c_void_p),
        ("strides", ctypes.c_void_p),
        ("byte_offset", ctypes.c_uint64),
    )


class Managed(ctypes.Structure):
    """DLManagedTensor."""

    _fields_ = (("tensor", Tensor), ("context", ctypes.c_void_p), ("deleter", ctypes.c_void_p))


class Versioned(ctypes.Structure):
    """DLManagedTensorVersioned."""

    _fields_ = (
        ("major", ctypes.c_uint32),
        ("minor", ctypes.c_uint32),
        ("context", ctypes.c_void_p),
        ("deleter", ctypes.c_void_p),
        ("flags", ctypes.c_uint64),
        ("tensor", Tensor),
    )


new_capsule = ctypes.pythonapi.PyCapsule_New
new_capsule.restype = ctypes.py_object
new_capsule.argtypes = (ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p)


class Exporter:
    """Exports 1,000 numbers in F32, or whatever it is told to say in their place."""

    dlpack_device = (1, 0)
    name = b"dltensor"

    def __init__(self, shape=(1000,), strides=None, *, managed=Managed, **said):
        self.values = np.linspace(1, 2, 1000, dtype=np.float32)
        self.shape = (ctypes.c_int64 * max(len(shape), 1))(*shape)
        self.strides = None if strides is None else (ctypes.c_int64 * len(strides))(*strides)
        self.managed = managed()
        usual = {
            "data": self.values.ctypes.data,
            "device_type": 1,
            "ndim": len(shape),
            "code": 2,
            "bits": 32,
            "lanes": 1,
            "shape": ctypes.addressof(self.shape),
            "strides": None if self.strides is None else ctypes.addressof(self.strides),
        }
        if managed is Versioned:
            self.managed.major = said.pop("major", 1)
        for name, value in (usual | said).items():
            setattr(self.managed.tensor, name, value)
        if managed is Versioned:
            self.name = b"dltensor_versioned"

    def __dlpack_device__(self):
        return self.dlpack_device

    def __dlpack__(self, **options):
        return new_capsule(ctypes.addressof(self.managed), self.name, None)


FORMS = (Managed, Versioned)


@pytest.mark.parametrize("managed", FORMS)
@pytest.mark.parametrize(
    ("shape", "strides"),
    [((1000,), None), ((10, 100), None), ((10, 100), (100, 1)), ((1, 1000), (HUGE, 1))],
)
def test_what_is_true_is_measured(managed, shape, strides):
    exporter = Exporter(shape, strides, managed=managed)
    assert wg.fit_weibull(exporter) == wg.fit_weibull(exporter.values)


def test_memory_that_is_not_aligned_is_measured():
    exporter = Exporter((999,), byte_offset=1)
    moved = exporter.values.tobytes()[1:-3]
    expected = np.frombuffer(moved, np.float32)
    assert wg.magnitude_histogram(exporter) == wg.magnitude_histogram(expected)


LIES = {
    "a negative side": {"shape": (-1,)},
    "the least side": {"shape": (-(2**63), 2)},
    "negative dimensions": {"ndim": -1},
    "many dimensions": {"ndim": 2**31 - 1},
    "65 dimensions": {"shape": (1,) * 65},
    "no memory": {"data": None},
    "a device": {"device_type": 2},
    "no device": {"device_type": 0},
    "integers": {"code": 0},
    "no bits": {"bits": 0},
    "no lanes": {"lanes": 0},
    "four lanes": {"lanes": 4},
    "an unknown type": {"code": 200},
    "a huge stride": {"shape": (2,), "strides": (HUGE,)},
    "a huge stride backwards": {"shape": (2,), "strides": (-HUGE - 1,)},
    "a span that overflows": {"shape": (3,), "strides": (2**61,)},
    "a span that overflows to nothing": {"shape": (2**32 + 1,), "strides": (2**30,)},
    "spans that overflow together": {"shape": (2, 2, 2), "strides": (2**60, 2**60, 2**60)},
    "spans that cancel out": {"shape": (2, 2), "strides": (2**60, -(2**60))},
    "a span below all addresses": {"shape": (2,), "strides": (-(2**60),)},
    "a huge offset": {"byte_offset": 2**64 - 1},
}


@pytest.mark.parametrize("managed", FORMS)
@pytest.mark.parametrize("lie", LIES)
def test_an_exporter_that_lies(managed, lie):
    said = dict(LIES[lie])
    shape, strides = said.pop("shape", (1000,)), said.pop("strides", None)
    exporter = Exporter(shape, strides, managed=managed, **said)
    with pytest.raises(UnsupportedDtypeError):
        wg.fit_weibull(exporter)


@pytest.mark.parametrize("managed", FORMS)
def test_an_exporter_without_a_shape(managed):
    exporter = Exporter(managed=managed)
    exporter.managed.tensor.shape = None
    with pytest.raises(UnsupportedDtypeError):
        wg.fit_weibull(exporter)


@pytest.mark.parametrize("shape", [(2**62, 2**62), (2**40, 2**10), (2**63 - 1,) * 64])
def test_more_elements_than_any_memory_holds(shape):
    with pytest.raises(ValueError, match="2\\^42"):
        wg.fit_weibull(Exporter(shape))


@pytest.mark.parametrize(
    "shape", [(0, HUGE, HUGE), (HUGE, HUGE, 0), (HUGE, 0), (0,), (2**40, 4, 0)]
)
def test_empty_arrays_with_huge_sides_are_empty(shape):
    assert wg.fit_weibull(Exporter(shape)).status == "empty"
    assert wg.fit_weibull(Exporter(shape, data=None)).status == "empty"
    assert wg.fit_weibull(Exporter(shape, (HUGE,) * len(shape))).status == "empty"


@pytest.mark.parametrize("shape", [(2**50, 0), (0, 2**50), (2**40, 0, 4)])
def test_empty_arrays_of_numpy_with_huge_sides_are_empty(shape):
    assert wg.fit_weibull(np.empty(shape, np.float32)).status == "empty"


@pytest.mark.parametrize(
    ("shape", "strides"),
    [
        ((3,), (2**62,)),
        ((2**32 + 1,), (2**32,)),
        ((2, 2), (2**62, 2**62)),
        ((2,), (-(2**62),)),
        ((2, 2), (2**62, -(2**62))),
    ],
)
def test_arrays_of_numpy_whose_strides_reach_too_far(shape, strides):
    array = as_strided(np.ones(4, np.float32), shape, strides)
    with pytest.raises(UnsupportedDtypeError, match="beyond any memory"):
        wg.fit_weibull(array)


@pytest.mark.parametrize("device", [None, (), ("cpu", 0), (2**70, 0), 1, (None, 0)])
def test_an_exporter_that_does_not_say_where_its_memory_is(device):
    exporter = Exporter()
    exporter.dlpack_device = device
    with pytest.raises(UnsupportedDtypeError):
        wg.fit_weibull(exporter)


@pytest.mark.parametrize("given", [None, 1, "capsule", object()])
def test_an_exporter_of_something_else(given):
    class Other(Exporter):
        def __dlpack__(self, **options):
            return given

    with pytest.raises(UnsupportedDtypeError, match="no DLPack capsule"):
        wg.fit_weibull(Other())


@pytest.mark.parametrize("name", [b"used_dltensor", b"", b"dltensor2", None])
def test_a_capsule_that_has_been_used_or_is_another(name):
    exporter = Exporter()
    exporter.name = name
    with pytest.raises(UnsupportedDtypeError, match="no DLPack capsule"):
        wg.fit_weibull(exporter)


@pytest.mark.parametrize("major", [0, 2, 2**32 - 1])
def test_another_major_version(major):
    with pytest.raises(UnsupportedDtypeError, match="version"):
        wg.fit_weibull(Exporter(managed=Versioned, major=major))
