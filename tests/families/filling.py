"""Values for every true part, drawn with a standard deviation of its own."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np

from families.cuts import Cell
from families.truth import Truth

KINDS = (
    *("embed", "q", "k", "v", "q_gate", "z", "o", "q_a", "kv_latent", "k_rope"),
    *("gate", "up", "down", "ffn_in", "ffn_out", "router", "ssm", "head", "other"),
)
# Neighbours in one tensor differ by a factor of 1.3 or more, which is many standard errors.
_STEPS = {"k": 1, "v": 2, "q_gate": 3, "z": 3, "up": 1, "k_rope": 1}


def sigma_of(cell: Cell) -> float:
    """Standard deviation of the values in a cell: told by kind, expert and head."""
    number = cell.head if cell.head is not None else cell.expert or 0
    return float(
        0.01 * 1.05 ** KINDS.index(cell.kind) * 1.3 ** (_STEPS.get(cell.kind, 0) + 4 * number)
    )


def values_of(truth: Truth) -> np.ndarray:
    """Fill a stored tensor; the same values for the same name on every machine."""
    rng = np.random.default_rng(zlib.crc32(truth.tensor.encode()))
    values = np.zeros(int(np.prod(truth.shape)), np.float32)
    for cell in truth.cells:
        values[cell.positions] = rng.normal(0.0, sigma_of(cell), cell.positions.size)
    return values.reshape(truth.shape)


def rms_and_error(cells: Iterable[Cell]) -> tuple[int, float, float]:
    """Number of values, root mean square of their distribution, and its standard error.

    For a mixture of zero-mean normal values, the mean square has the variance
    2 sum(n_i sigma_i^4) / n^2; the delta method takes the square root. With a single sigma this is
    sigma / sqrt(2 n).
    """
    listed = list(cells)
    sizes = np.array([cell.positions.size for cell in listed], float)
    squares = np.array([sigma_of(cell) ** 2 for cell in listed])
    n = sizes.sum()
    mean = (sizes * squares).sum() / n
    variance = 2 * (sizes * squares**2).sum() / n**2
    return int(n), float(np.sqrt(mean)), float(np.sqrt(variance / mean) / 2)
