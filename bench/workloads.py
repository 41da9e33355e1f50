"""The workloads: arrays, checkpoints, and the pure read of memory to compare them with."""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path

import ml_dtypes
import numpy as np

from machine import increment_cells

# Bytes of one array. This is four times a last-level cache of 32 MB; larger caches need more.
MEGABYTES = float(os.environ.get("WEIGHTGAUGE_BENCH_MB", "128"))
ARRAY_BYTES = max(1 << 20, int(MEGABYTES * 1e6)) // 4096 * 4096

# Numbers of threads: 1, 2, 4, ... and as many as the process may use.
PROCESSORS = len(os.sched_getaffinity(0))
THREADS = [*(1 << i for i in range(20) if 1 << i < PROCESSORS), PROCESSORS]

FORMATS = {
    "BF16": np.dtype(ml_dtypes.bfloat16),
    "F16": np.dtype(np.float16),
    "F32": np.dtype(np.float32),
    "F64": np.dtype(np.float64),
    "F8_E4M3": np.dtype(ml_dtypes.float8_e4m3fn),
    "F8_E5M2": np.dtype(ml_dtypes.float8_e5m2),
}
BF16 = FORMATS["BF16"]


def gaussian(dtype: np.dtype, nbytes: int = ARRAY_BYTES) -> np.ndarray:
    """Draw Gaussian weights; those of 8-bit formats fill more of the range, as scaled codes do."""
    return _made(dtype, nbytes, _normal)


# Draws as many values as are asked for, as float32, or as float64 with all of its digits.
Draw = Callable[[np.random.Generator, int, type], np.ndarray]


def _made(dtype: np.dtype, nbytes: int, draw: Draw) -> np.ndarray:
    """Make an array of `nbytes`; it is drawn and converted in pieces."""
    rng = np.random.default_rng(20260518)
    array = np.empty(nbytes // dtype.itemsize, dtype)
    deviation = 1.0 if dtype.itemsize == 1 else 0.02
    precision = np.float64 if dtype.itemsize == 8 else np.float32
    for begin in range(0, array.size, 1 << 20):
        piece = array[begin : begin + (1 << 20)]
        piece[:] = (precision(deviation) * draw(rng, piece.size, precision)).astype(dtype)
    return array


def _normal(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    return rng.standard_normal(size, precision)


def _laplacian(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    return rng.laplace(size=size).astype(precision)


def _some_zeros(share: float) -> Draw:
    def draw(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
        return rng.standard_normal(size, precision) * (rng.random(size, np.float32) >= share)

    return draw


def _two_of_four(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    """Draw as structured pruning leaves weights: two of each four are zero."""
    patterns = np.array([[1, 1, 0, 0], [1, 0, 1, 0], [1, 0, 0, 1], [0, 1, 1, 0], [0, 1, 0, 1]])
    kept = patterns[rng.integers(0, len(patterns), size // 4 + 1)].reshape(-1)[:size]
    return rng.standard_normal(size, precision) * kept.astype(precision)


def _zero_blocks(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    """Draw blocks of 128, half of which are zero."""
    kept = np.repeat(rng.integers(0, 2, size // 128 + 1), 128)[:size]
    return rng.standard_normal(size, precision) * kept.astype(precision)


def _zeros(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    return np.zeros(size, precision)


def _sixteen(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    return precision(0.05) * rng.integers(1, 17, size).astype(precision)


def _alternating(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    return np.resize(np.array([1.0, 0.5], precision), size)


def _constant(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    return np.ones(size, precision)


def _rounded(rng: np.random.Generator, size: int, precision: type) -> np.ndarray:
    return rng.standard_normal(size, precision).astype(BF16).astype(precision)


def _random_bits(dtype: np.dtype) -> np.ndarray:
    rng = np.random.default_rng(7)
    return rng.integers(0, 256, ARRAY_BYTES, np.uint8).view(dtype)


def _sorted(dtype: np.dtype) -> np.ndarray:
    raw = np.dtype(f"u{dtype.itemsize}")
    return np.sort(gaussian(dtype).view(raw)).view(dtype)


# Data that are hard to count for one reason or another, by format and name.
INPUTS: dict[tuple[str, str], Callable[[np.dtype], np.ndarray]] = {
    (spelling, name): partial(_made, nbytes=ARRAY_BYTES, draw=draw)
    for spelling in FORMATS
    for name, draw in {
        "zeros": _zeros,
        "half zeros": _some_zeros(0.5),
        "90 % zeros": _some_zeros(0.9),
        "two of four zero": _two_of_four,
        "blocks of zeros": _zero_blocks,
        "one value": _constant,
        "alternating": _alternating,
        "sixteen values": _sixteen,
        "Laplacian": _laplacian,
        "BF16 times a factor": _rounded,
    }.items()
    if name != "BF16 times a factor" or FORMATS[spelling].itemsize > 2
} | {
    (spelling, name): make
    for spelling in FORMATS
    for name, make in {"sorted": _sorted, "random bits": _random_bits}.items()
}


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(PROCESSORS)


def pure_read(array: np.ndarray, threads: int) -> Callable[[], object]:
    """Return a call that reads every byte of `array` once and does little else.

    The size must be a multiple of 8 bytes. The bitwise or of all 64-bit words is one instruction
    per vector and needs no store.
    """
    parts = np.array_split(array.reshape(-1).view(np.uint64), threads)
    if threads == 1:
        return lambda: np.bitwise_or.reduce(parts[0])
    # NumPy releases the interpreter's lock inside the loop.
    return lambda: list(_pool().map(np.bitwise_or.reduce, parts))


def pure_read_of_all(arrays: Iterable[np.ndarray], threads: int) -> Callable[[], object]:
    """Return a call that reads several arrays one after the other, as `pure_read` reads one.

    What does not fill 64-bit words at the end of an array is left out.
    """
    whole = (each.reshape(-1).view(np.uint8) for each in arrays)
    calls = [pure_read(each[: each.size // 8 * 8], threads) for each in whole if each.size >= 8]
    return lambda: [call() for call in calls]


def increments(stores: int, threads: int) -> Callable[[], object]:
    """Return a call that increments cells in the first-level cache and does nothing else.

    No table of counts that takes a store for each can be faster.
    """
    parts = [stores // threads] * threads
    if threads == 1:
        return lambda: increment_cells(stores)
    return lambda: list(_pool().map(increment_cells, parts))


def write_checkpoint(path: Path, shapes: dict[str, tuple[int, ...]]) -> np.ndarray:
    """Write a BF16 safetensors file of Gaussian weights; return all of them in file order."""
    sizes = [math.prod(shape) for shape in shapes.values()]
    weights = gaussian(BF16, 2 * sum(sizes))
    table, begin = {}, 0
    for (name, shape), size in zip(shapes.items(), sizes, strict=True):
        end = begin + 2 * size
        table[name] = {"dtype": "BF16", "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        weights.view(np.uint8).tofile(file)
    return weights


def random_f4(nbytes: int, zeros: float = 0.0) -> np.ndarray:
    """Draw bytes of two F4 codes each; a share of the codes is zero, all others are random."""
    rng = np.random.default_rng(11)
    codes = rng.integers(0, 256, nbytes, np.uint8)
    for half in (0x0F, 0xF0) if zeros else ():
        codes[rng.random(nbytes, np.float32) < zeros] &= 0xFF ^ half
    return codes


def write_tensors(path: Path, tensors: dict[str, tuple[str, tuple[int, ...], np.ndarray]]) -> None:
    """Write a safetensors file from formats, shapes and bytes by name."""
    table, begin = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        end = begin + data.nbytes
        table[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": [begin, end]}
        begin = end
    header = json.dumps(table).encode()
    header += b" " * (-len(header) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(header)) + header)
        for _, _, data in tensors.values():
            data.tofile(file)


def mixed_shapes(nbytes: int) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of a decoder of about `nbytes` with a thousand tiny experts a block.

    The largest matrices come last, when there is least left to share out.
    """
    large = decoder_shapes(nbytes)
    tiny = small_shapes(8_000)
    return dict(sorted((tiny | large).items(), key=lambda item: math.prod(item[1])))


def decoder_shapes(nbytes: int) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of a small decoder of about `nbytes` in BF16, 8 blocks deep."""
    # 8 blocks have (4 + 3 * 3) d^2 elements and two matrices 8 d^2: 120 d^2 elements of 2 bytes.
    d = max(64, round(math.sqrt(nbytes / 240) / 64) * 64)
    return dict(_decoder(d))


def _decoder(d: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield "model.embed_tokens.weight", (8 * d, d)
    for block in range(8):
        prefix = f"model.layers.{block}"
        for name in "qkvo":
            yield f"{prefix}.self_attn.{name}_proj.weight", (d, d)
        yield f"{prefix}.mlp.gate_proj.weight", (3 * d, d)
        yield f"{prefix}.mlp.up_proj.weight", (3 * d, d)
        yield f"{prefix}.mlp.down_proj.weight", (d, 3 * d)
        yield f"{prefix}.input_layernorm.weight", (d,)
        yield f"{prefix}.post_attention_layernorm.weight", (d,)
    yield "model.norm.weight", (d,)
    yield "lm_head.weight", (8 * d, d)


def small_shapes(count: int) -> dict[str, tuple[int, ...]]:
    """Return names and shapes of `count` experts' matrices of 4,096 elements, 100 in each block."""
    return {
        f"model.layers.{i // 100}.mlp.experts.{i % 100}.up_proj.weight": (64, 64)
        for i in range(count)
    }
