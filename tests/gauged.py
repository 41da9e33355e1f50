"""A small model that a gauge measures, and a sink that keeps what it reports."""

from __future__ import annotations

import threading

import numpy as np


def model(seed=0, size=64):
    draw = np.random.default_rng(seed)
    return {
        **{
            f"model.layers.{block}.self_attn.{name}_proj.weight": draw.normal(
                0.0, 0.02, (size, size)
            ).astype(np.float32)
            for block in range(2)
            for name in "qkvo"
        },
        "model.layers.0.input_layernorm.weight": np.ones(size, np.float32),
    }


class Kept:
    """A sink that keeps reports."""

    def __init__(self):
        self.reports = []
        self.threads = set()
        self.closed = 0

    def write(self, report):
        self.reports.append(report)
        self.threads.add(threading.get_ident())

    def close(self):
        self.closed += 1


def run(gauge, steps, weights=None):
    for step in steps:
        if weights is not None:
            for each in weights.values():
                each *= 1.01
        gauge.step(step)
        assert gauge.wait(60)
