"""Element formats inside safetensors files: decoding, alignment, and tensors of every dtype."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from oracle import Fit, ks_distance, magnitudes, order_fit
from samples import BITS, FORMATS, NARROW, as_float64, draw

INTEGERS = ("BOOL", "U8", "I8", "I16", "U16", "I32", "U32", "I64", "U64")
UNSUPPORTED = ("F6_E2M3", "F6_E3M2", "C64")


def stored(values):
    """Bytes of an array as a file holds them: F4 packs two codes into a byte, low half first."""
    if values.dtype == FORMATS["F4"]:
        codes = values.ravel().view(np.uint8) & 15
        return (codes[0::2] | codes[1::2] << 4).tobytes()
    return values.tobytes()


def slices(path, **options):
    return {s.tensor: s for s in wg.fit(path, **options).slices}


@dataclass(frozen=True)
class Expected:
    x: np.ndarray
    zeros: int
    nonfinite: int
    fit: Fit


def expect(values):
    decoded = as_float64(values)
    x = magnitudes(decoded)
    zeros = np.count_nonzero(decoded == 0)
    return Expected(x, zeros, np.count_nonzero(~np.isfinite(decoded)), order_fit(x))


@functools.lru_cache(maxsize=16)
def expect_of_normal(spelling, n, of):
    """What to expect of the first n of a normal draw of `of` elements."""
    return expect(draw("normal_1", spelling, of)[:n])


def assert_slice(found, values, *, rel=1e-12):
    """Compare a slice with the oracle; by default at what is promised of exact formats."""
    reference = values if isinstance(values, Expected) else expect(values)
    x, expected = reference.x, reference.fit
    assert found.n == x.size
    assert found.zeros == reference.zeros
    assert found.nonfinite == reference.nonfinite
    assert (found.k, found.lam, found.r2) == relative(
        (expected.k, expected.lam, expected.r2), rel=rel
    )
    assert found.max == x[-1]
    # A handful of roundings of numbers below 1, and those of ln x and ln lambda, half an ulp
    # each, which the CDF multiplies by up to 0.37 k.
    ks_abs = 4e-15 + 1e-16 * found.k * (1 + abs(math.log(found.lam))) if rel < 1e-11 else 2e-4
    assert found.ks == pytest.approx(ks_distance(x, found.k, found.lam), abs=ks_abs)


@pytest.mark.parametrize("spelling", NARROW)
def test_every_pattern_in_a_file(tmp_path, write_checkpoint, spelling):
    dtype = NARROW[spelling]
    patterns = 16 if spelling == "F4" else 2 ** (8 * dtype.itemsize)
    codes = np.arange(patterns, dtype=np.uint16 if dtype.itemsize == 2 else np.uint8)
    # Each pattern an even number of times of its own, so that a swapped pair would show.
    codes = np.repeat(codes, 2 * (1 + codes.astype(int) * 7 % 13))
    values = np.random.default_rng(1).permutation(codes).view(dtype)
    path = write_checkpoint(
        tmp_path / "model.safetensors", {"w": (spelling, values.shape, stored(values))}
    )
    assert_slice(slices(path)["w"], values)


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("pad", [8, None], ids=["aligned", "odd"])
def test_all_formats_in_one_file_at_any_alignment(tmp_path, write_checkpoint, pad, io):
    # Each tensor is followed by one odd byte, so that the next starts elsewhere.
    arrays, tensors = {}, {}
    for spelling in FORMATS:
        for n in (62, 5000, 40_006):
            name = f"{spelling}.{n}"
            arrays[name] = draw("normal_1", spelling, n)
            tensors[name] = (spelling, (2, n // 2), stored(arrays[name]))
            tensors[f"{name}.gap"] = ("U8", (1,), b"\x7f")
    path = write_checkpoint(tmp_path / "model.safetensors", tensors, pad=pad)
    found = slices(path, io=io)
    for name, values in arrays.items():
        assert found[name].dtype == name.partition(".")[0]
        assert found[name].shape == (2, values.size // 2)
        assert_slice(found[name], values)


@pytest.mark.parametrize("spelling", ["BF16", "F16", "F8_E4M3", "F32", "F64"])
@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("pad", [8, None], ids=["aligned", "odd"])
def test_tensors_longer_than_a_chunk(tmp_path, write_checkpoint, spelling, pad, io):
    # Lengths about powers of two, up to 16 MiB: wherever a scan cuts, nothing is lost or doubled.
    sizes = [2**19 - 1, 2**20 + 1, 2**21, 3]
    base = draw("normal_1", spelling, max(sizes))
    tensors = {f"w{n}": (spelling, (n,), base[:n].tobytes()) for n in sizes}
    path = write_checkpoint(tmp_path / "model.safetensors", tensors, pad=pad)
    found = slices(path, io=io)
    wide = spelling in ("F32", "F64")
    for n in sizes[:3]:
        expected = expect_of_normal(spelling, n, base.size)
        assert_slice(found[f"w{n}"], expected, rel=1e-8 if wide else 1e-12)
    assert found["w3"].n == 3
    assert found["w3"].status == "too_few"
    if wide:
        exact = slices(path, io=io, exact=True)
        n = sizes[1]
        assert_slice(exact[f"w{n}"], expect_of_normal(spelling, n, base.size))


def test_a_file_and_an_array_give_the_same_numbers(tmp_path, write_checkpoint):
    arrays = {s: draw("normal_1", s, 200_000) for s in ("BF16", "F16", "F8_E5M2", "F32", "F64")}
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {s: (s, v.shape, v.tobytes()) for s, v in arrays.items()},
    )
    for exact in (False, True):
        found = slices(path, exact=exact)
        for spelling, values in arrays.items():
            fit = wg.fit_weibull(values, exact=exact)
            for name in ("k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "n", "rms", "max"):
                assert getattr(found[spelling], name) == getattr(fit, name), (spelling, name)


@pytest.mark.parametrize("dtype", INTEGERS)
def test_integers_are_not_applicable(tmp_path, write_checkpoint, dtype):
    data = bytes(range(1, 129)) * (BITS[dtype] // 8)
    path = write_checkpoint(tmp_path / "model.safetensors", {"w": (dtype, (128,), data)})
    found = slices(path)["w"]
    assert found.status == "not_applicable"
    assert found.reason
    assert all(math.isnan(v) for v in (found.k, found.lam, found.r2, found.ks, found.k_se))


@pytest.mark.parametrize("dtype", UNSUPPORTED)
def test_formats_without_a_decoder(tmp_path, write_checkpoint, dtype):
    data = bytes(range(96)) * (BITS[dtype] // 2) * 2
    shape = (len(data) * 8 // BITS[dtype],)
    path = write_checkpoint(tmp_path / "model.safetensors", {"w": (dtype, shape, data)})
    found = slices(path)["w"]
    assert found.status == "unsupported_dtype"
    assert dtype in found.reason
    assert math.isnan(found.k)


def test_special_codes_of_the_8_bit_formats():
    # The rules that differ between the formats, from their definitions.
    def counts(spelling, code):
        h = wg.magnitude_histogram(np.array([code], np.uint8).view(FORMATS[spelling]))
        return h.n, h.zeros, h.nan, h.inf

    number, zero, nan, inf = (1, 0, 0, 0), (0, 1, 0, 0), (0, 0, 1, 0), (0, 0, 0, 1)
    assert counts("F8_E4M3", 0x7F) == counts("F8_E4M3", 0xFF) == nan
    assert counts("F8_E4M3", 0x7E) == number  # 448: no infinities
    assert counts("F8_E4M3", 0x80) == zero
    assert counts("F8_E5M2", 0x7C) == counts("F8_E5M2", 0xFC) == inf
    assert counts("F8_E5M2", 0x7D) == counts("F8_E5M2", 0xFF) == nan
    for spelling in ("F8_E4M3FNUZ", "F8_E5M2FNUZ"):
        assert counts(spelling, 0x80) == nan  # where -0 would be
        assert counts(spelling, 0x7F) == counts(spelling, 0xFF) == number
        assert counts(spelling, 0x00) == zero
    assert counts("F8_E8M0", 0xFF) == nan
    assert counts("F8_E8M0", 0x00) == number  # 2^-127: no zero


@pytest.mark.parametrize(
    ("spelling", "largest"),
    [
        ("F8_E4M3", 448.0),
        ("F8_E5M2", 57_344.0),
        ("F8_E4M3FNUZ", 240.0),
        ("F8_E5M2FNUZ", 57_344.0),
        ("F8_E8M0", 2.0**127),
        ("F4", 6.0),
        ("F16", 65_504.0),
        ("BF16", float(ml_dtypes.finfo(ml_dtypes.bfloat16).max)),
    ],
)
def test_largest_magnitude_of_each_format(spelling, largest):
    dtype = NARROW[spelling]
    patterns = 16 if spelling == "F4" else 2 ** (8 * dtype.itemsize)
    codes = np.arange(patterns, dtype=np.uint16 if dtype.itemsize == 2 else np.uint8)
    assert wg.magnitude_histogram(codes.view(dtype)).magnitudes[-1] == largest


def test_scale_beside_an_8_bit_weight_is_applied(tmp_path, write_checkpoint):
    values = draw("normal_1", "F8_E4M3", 4096)
    stem = "model.layers.0.self_attn.q_proj"
    alone = "model.layers.0.self_attn.k_proj.weight"
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {
            f"{stem}.weight": ("F8_E4M3", (64, 64), values.tobytes()),
            f"{stem}.weight_scale": ("F32", (1,), np.float32(0.01).tobytes()),
            alone: ("F8_E4M3", (64, 64), values.tobytes()),
        },
    )
    found = slices(path)
    assert found[f"{stem}.weight"].status == "ok"
    scaled, plain = found[f"{stem}.weight"], found[alone]
    assert_slice(plain, values)
    # One scale for all multiplies lambda and leaves the shape as it is.
    assert (scaled.k, scaled.r2, scaled.ks) == (plain.k, plain.r2, plain.ks)
    assert scaled.lam == plain.lam * float(np.float32(0.01))
    assert found[alone].status == "ok"
    assert found[alone].reason == ""
