"""Data for the statistical tests: element formats and seeded distributions."""

from __future__ import annotations

import ml_dtypes
import numpy as np

# safetensors spelling -> NumPy dtype. F4 holds one code per byte in memory, two in a file.
NARROW = {
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype(np.float16),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
    "F8_E4M3FNUZ": np.dtype(ml_dtypes.float8_e4m3fnuz),
    "F8_E5M2FNUZ": np.dtype(ml_dtypes.float8_e5m2fnuz),
    "F8_E8M0": np.dtype(ml_dtypes.float8_e8m0fnu),
    "F4": np.dtype(ml_dtypes.float4_e2m1fn),
}
WIDE = {"F32": np.dtype(np.float32), "F64": np.dtype(np.float64)}
FORMATS = NARROW | WIDE

# Bits per element of every dtype a safetensors file may hold.
BITS = {"F4": 4, "BOOL": 8, "U8": 8, "I8": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16}
BITS |= {"F6_E2M3": 6, "F6_E3M2": 6, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8}
BITS |= {"F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8}
BITS |= {"I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "C64": 64}

TRIMS = ("mid_80", "mid_90", "full")


def _signs(rng, n):
    return rng.choice([-1.0, 1.0], n)


def _normal(scale):
    return lambda rng, n: rng.normal(0, scale, n)


def _narrow(centre, spread):
    return lambda rng, n: centre * (1 + spread * rng.standard_normal(n)) * _signs(rng, n)


def _log_uniform(low, high):
    return lambda rng, n: 10 ** rng.uniform(low, high, n) * _signs(rng, n)


def _ties(rng, n):
    return np.round(rng.normal(0, 0.1, n), 2)


def _half_zeros(rng, n):
    return rng.normal(0, 0.02, n) * rng.integers(0, 2, n)


def _lattice(rng, n):
    """Weights stored as int8 with one scale: 127 magnitudes, none representable exactly."""
    return np.clip(np.round(rng.normal(0, 40, n)), -127, 127) * 0.00173


def _mixture(rng, n):
    return rng.standard_normal(n) * rng.choice([1.0, 0.1], n)


def _far_clusters(rng, n):
    return rng.normal(0, 1, n) * rng.choice([1e-30, 1e30], n)


def _upcast(dtype):
    return lambda rng, n: rng.normal(0, 0.02, n).astype(dtype).astype(np.float64)


# For every format; where one cannot hold the values they become zeros, infinities or NaN, which
# is a case of its own.
COMMON = {
    "normal_0.02": _normal(0.02),
    "normal_1": _normal(1.0),
    "normal_1e-6": _normal(1e-6),
    "normal_1e-30": _normal(1e-30),
    "normal_1e3": _normal(1e3),
    "uniform": lambda rng, n: rng.uniform(-1, 1, n),
    "laplace": lambda rng, n: rng.laplace(0, 0.3, n),
    "t3": lambda rng, n: rng.standard_t(3, n),
    "lognormal": lambda rng, n: rng.lognormal(-3, 2, n) * _signs(rng, n),
    "ties": _ties,
    "half_zeros": _half_zeros,
    "near_1": _narrow(1.0, 0.02),
    "lattice": _lattice,
    "mixture": _mixture,
}

# What only 24 and 53 significand bits can hold, made to break a fixed binning.
WIDE_ONLY = {
    "narrow_1": _narrow(1.0, 1e-4),
    "narrow_7.3": _narrow(7.3, 1e-4),
    "narrow_1e-30": _narrow(1e-30, 1e-4),
    "upcast_bf16": _upcast(ml_dtypes.bfloat16),
    "upcast_f16": _upcast(np.float16),
    "log_uniform_38": _log_uniform(-37.9, 38.4),
    "far_clusters": _far_clusters,
}
F32_ONLY = {
    "subnormal": _log_uniform(-44.5, -38),
    "few_ulps": lambda rng, n: 1 + rng.integers(0, 9, n) * 2.0**-23,
}
F64_ONLY = {
    "subnormal": _normal(1e-308),
    "few_ulps": lambda rng, n: 1 + rng.integers(0, 9, n) * 2.0**-52,
    "narrow_7.3_1e-10": _narrow(7.3, 1e-10),
    "log_uniform_300": _log_uniform(-300, 300),
    "normal_1e-300": _normal(1e-300),
    "normal_1e300": _normal(1e300),
}
WIDE_CASES = [
    (spelling, name)
    for spelling, own in (("F32", F32_ONLY), ("F64", F64_ONLY))
    for name in COMMON | WIDE_ONLY | own
]


def draw(distribution: str, spelling: str, n: int, seed: int = 0) -> np.ndarray:
    """`n` seeded draws of a distribution, rounded to the format `spelling`."""
    own = {"F32": F32_ONLY, "F64": F64_ONLY}.get(spelling, {})
    generate = (COMMON | WIDE_ONLY | own)[distribution]
    values = generate(np.random.default_rng([seed, n]), n)
    if spelling == "F8_E8M0":
        values = np.abs(values)  # powers of two, without a sign
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        return values.astype(FORMATS[spelling])


def as_float64(values: np.ndarray) -> np.ndarray:
    """The values of any format, exactly."""
    with np.errstate(invalid="ignore"):  # signalling NaN
        return values.astype(np.float64)
