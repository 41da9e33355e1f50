"""Matrices of known structure, stored as BF16, for errors of whole matrices.

Each maker draws a matrix anew: scales of rows, columns and heads too. The coverage of an error is
how often an estimate lies within 1.96 of it of the mean over all draws.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import ml_dtypes
import numpy as np

BF16 = np.dtype(ml_dtypes.bfloat16)

Maker = Callable[[np.random.Generator, int, int], np.ndarray]
Numbers = tuple[float, float, float, float]


def _noise(rng: np.random.Generator, *shape: int) -> np.ndarray:
    return rng.standard_normal(shape, dtype=np.float32)


def independent(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Gaussian weights, all alike."""
    return _noise(rng, rows, columns).astype(BF16)


def unequal_scales(spread: float) -> Maker:
    """Rows and columns whose scales have this standard deviation of the logarithm."""

    def make(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
        scale = np.exp(spread * (_noise(rng, rows, 1) + _noise(rng, 1, columns)))
        return (_noise(rng, rows, columns) * scale).astype(BF16)

    return make


def low_rank(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Rank four plus noise of the same variance."""
    signal = _noise(rng, rows, 4) @ _noise(rng, 4, columns) / np.float32(2)
    return (signal + _noise(rng, rows, columns)).astype(BF16)


def outlier_columns(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Each column is eight times the others with a probability of 2 %.

    Their number varies: errors from columns assume that there might have been more or fewer.
    """
    scale = np.where(rng.random(columns) < 0.02, np.float32(8), np.float32(1))
    return (_noise(rng, rows, columns) * scale).astype(BF16)


def unequal_sparsity(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
    """Rows keep shares of their weights from 10 to 100 %; the denser have the larger weights."""
    density = rng.beta(2, 2, (rows, 1)).astype(np.float32)
    kept = rng.random((rows, columns), dtype=np.float32) < 0.1 + 0.9 * density
    return (_noise(rng, rows, columns) * (0.5 + density) * kept).astype(BF16)


def with_heads(
    heads: int, *, of_heads: float = 0.12, of_rows: float = 0.05, of_columns: float = 0.15
) -> Maker:
    """Blocks of rows with scales of their own, like the median matrix of a trained encoder."""

    def make(rng: np.random.Generator, rows: int, columns: int) -> np.ndarray:
        of_block = np.repeat(_noise(rng, heads, 1), rows // heads, axis=0)
        scale = np.exp(
            of_heads * of_block
            + of_rows * _noise(rng, rows, 1)
            + of_columns * _noise(rng, 1, columns)
        )
        return (_noise(rng, rows, columns) * scale).astype(BF16)

    return make


MATRICES: dict[str, Maker] = {
    "independent": independent,
    "scales of 0.1": unequal_scales(0.1),
    "scales of 0.3": unequal_scales(0.3),
    "low rank": low_rank,
    "outlier columns": outlier_columns,
    "unequal sparsity": unequal_sparsity,
}


def coverage(
    measure: Callable[[np.ndarray], Numbers],
    make: Maker,
    shape: tuple[int, int],
    *,
    draws: int,
    seed: int,
) -> np.ndarray:
    """How often k and ln lambda lie within 1.96 errors of their mean over all draws.

    `measure` returns k, ln lambda and the error of each.
    """
    rng = np.random.default_rng(seed)
    found = np.array([measure(make(rng, *shape)) for _ in range(draws)])
    off = np.abs(found[:, :2] - found[:, :2].mean(axis=0))
    return np.asarray((off < 1.96 * found[:, 2:]).mean(axis=0))


def next_step(
    rng: np.random.Generator, rows: int, columns: int, correlation: float, spread: float
) -> tuple[np.ndarray, np.ndarray]:
    """Two states of one matrix, equally distributed, whose elements have this correlation.

    Rows and columns have scales (`spread`: standard deviation of the logarithm) that stay.
    """
    scale = np.exp(spread * (_noise(rng, rows, 1) + _noise(rng, 1, columns)))
    before = _noise(rng, rows, columns)
    fresh = np.float32(np.sqrt(1 - correlation**2)) * _noise(rng, rows, columns)
    return before * scale, (np.float32(correlation) * before + fresh) * scale


def rescaled_rows(
    rng: np.random.Generator, rows: int, columns: int
) -> tuple[np.ndarray, np.ndarray]:
    """A Gaussian matrix, and the same with rows rescaled at random by 10 %."""
    before = _noise(rng, rows, columns)
    return before, before * np.exp(np.float32(0.1) * _noise(rng, rows, 1))


def halves(
    rng: np.random.Generator, values: np.ndarray, axis: int
) -> tuple[np.ndarray, np.ndarray]:
    """Random halves of the rows (axis 0) or of the columns (axis 1) of one matrix."""
    order, half = rng.permutation(values.shape[axis]), values.shape[axis] // 2
    return (
        np.ascontiguousarray(np.take(values, np.sort(order[:half]), axis)),
        np.ascontiguousarray(np.take(values, np.sort(order[half : 2 * half]), axis)),
    )


def matrices_of(path: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Name and values of every F32 matrix of a safetensors file, the word embeddings left out."""
    data = np.memmap(path, dtype=np.uint8, mode="r")
    size = int(data[:8].view("<u8")[0])
    for name, entry in json.loads(bytes(data[8 : 8 + size])).items():
        shape = entry.get("shape", [])
        if len(shape) == 2 and min(shape) >= 384 and math.prod(shape) < 1e6:
            begin, end = (8 + size + offset for offset in entry["data_offsets"])
            yield name, np.array(data[begin:end].view("<f4").reshape(shape))
