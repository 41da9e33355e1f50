"""Matrices brought to equal scale of rows and columns: NumPy, straight from docs/statistics.md.

Nothing here imports the package. Loops go over rows and columns one by one; each sum is numpy's.
"""

from __future__ import annotations

import math

import numpy as np

CLIP = 3.7
SAMPLED, LEAST = 15, 8
MEDIAN = 0.674489750196081743  # of the magnitude of a standard normal number


def spread_out(n: int) -> list[int]:
    """All of 0 to n - 1, in steps of the golden section (the next number without common factor)."""
    step = int((math.sqrt(5) - 1) / 2 * n) + 1
    while math.gcd(step, n) != 1:
        step += 1
    return [i * step % n for i in range(n)]


def upper_median(values: np.ndarray) -> float:
    """The middle of the numbers above 0, the upper one of two; 0 where there are none."""
    ordered = np.sort(values[values > 0])
    return float(ordered[ordered.size // 2]) if ordered.size else 0.0


def row_start(magnitudes: np.ndarray) -> float:
    """Scale of a row by the first 15 elements that are not zero."""
    ordered = magnitudes[spread_out(magnitudes.size)]
    return upper_median(ordered[ordered > 0][:SAMPLED]) / MEDIAN


def improved(scale: float, magnitudes: np.ndarray) -> float:
    """Root mean square of what is not zero, clipped at 3.7 of the scale so far."""
    kept = magnitudes[magnitudes > 0]
    if kept.size == 0:
        return 0.0
    return scale * float(np.sqrt(np.mean(np.minimum(kept / scale, CLIP) ** 2)))


def divided(magnitudes: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Quotients, 0 where the scale is 0."""
    return np.divide(magnitudes, scales, out=np.zeros_like(magnitudes), where=scales > 0)


def winsorised_scales(weights: np.ndarray, sweeps: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Scales of rows and columns, float64 (rows,) and (columns,); 0 where nothing counts."""
    size = np.abs(weights.astype(np.float64))
    size[~np.isfinite(size)] = 0
    columns = np.ones(size.shape[1])
    chosen = [row for row in spread_out(size.shape[0])[:SAMPLED] if size[row].any()]
    if len(chosen) >= LEAST:
        alike = np.array([size[row] / row_start(size[row]) for row in chosen])
        for j, column in enumerate(alike.T):
            if np.count_nonzero(column) >= LEAST:
                columns[j] = upper_median(column) / MEDIAN
    rows = np.array([row_start(row / columns) for row in size])
    for _ in range(sweeps):
        in_columns = divided(size, np.broadcast_to(columns, size.shape))
        rows = np.array([improved(s, row) for s, row in zip(rows, in_columns, strict=True)])
        in_rows = divided(size, np.broadcast_to(rows[:, None], size.shape))
        columns = np.array([improved(s, each) for s, each in zip(columns, in_rows.T, strict=True)])
    return rows, columns


def balanced(weights: np.ndarray) -> np.ndarray:
    """The weights divided by the scales of their rows and columns, as float32."""
    rows, columns = winsorised_scales(weights)
    values = weights.astype(np.float64)
    wide = rows[:, None] * columns[None, :]
    with np.errstate(invalid="ignore", over="ignore"):
        quotients = np.divide(values, wide, out=np.zeros_like(values), where=wide > 0)
        most = float(np.finfo(np.float32).max)
        finite = np.isfinite(quotients)
        quotients[finite] = np.clip(quotients[finite], -most, most)
        return quotients.astype(np.float32)
