"""Gaussian weights and their counts."""

from __future__ import annotations

import numpy as np

import weightgauge as wg


def draw(n):
    return np.random.default_rng(0).normal(0.0, 0.02, n).astype(np.float32)


def of(values):
    return wg.magnitude_histogram(np.asarray(values))
