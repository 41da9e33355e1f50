"""Matrices as MLX quantises them, by NumPy from the description of its formats."""

from __future__ import annotations

import ml_dtypes
import numpy as np

from packed_matrices import FLOATS

E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
E2M1 = np.concatenate([E2M1, -E2M1])


def words_of_bits(codes, bits):
    """Codes along the last dimension, each in so many bits from the lowest of a word on."""
    spelt = codes[..., None] >> np.arange(bits) & 1
    stream = spelt.reshape(*codes.shape[:-1], -1).astype(np.uint8)
    return np.packbits(stream, axis=-1, bitorder="little").view("<u4")


class Affine:
    """Random codes of some shape, with a scale and a bias for each group of the last dimension.

    Attributes
    ----------
    codes : ndarray
        One for each weight.
    scales, biases : ndarray
        One for each group. Half of the scales are negative, as those of MLX are.
    """

    def __init__(self, *shape, bits=4, group=64, floats="F16", seed=0):
        rng = np.random.default_rng(seed)
        self.bits, self.group = bits, group
        weights = rng.normal(0, 0.02, shape).astype(np.float32)
        groups = weights.reshape(*shape[:-1], -1, group)
        least, largest = groups.min(-1), groups.max(-1)
        turned = rng.integers(0, 2, least.shape).astype(bool)
        steps = (largest - least) / (2**bits - 1)
        scales, biases = np.where(turned, -steps, steps), np.where(turned, largest, least)
        to_zero = np.round(biases / scales)  # a code stands for zero
        scales = np.where(to_zero != 0, biases / np.where(to_zero != 0, to_zero, 1), scales)
        codes = np.round((groups - biases[..., None]) / scales[..., None])
        self.codes = np.clip(codes, 0, 2**bits - 1).astype(np.int64).reshape(shape)
        self.scales, self.biases = (each.astype(FLOATS[floats]) for each in (scales, biases))

    def values(self):
        """The matrix multiplied out in float32."""
        scales, biases = (
            np.repeat(each.astype(np.float32), self.group, axis=-1)
            for each in (self.scales, self.biases)
        )
        return self.codes.astype(np.float32) * scales + biases

    def tensors(self):
        """What MLX stores."""
        words = words_of_bits(self.codes, self.bits)
        return {"weight": words, "scales": self.scales, "biases": self.biases}

    def settings(self):
        """What `config.json` says of it."""
        return {"group_size": self.group, "bits": self.bits}


def microscaled(mode, *shape, seed=0):
    """A matrix of floats with scales of a byte: its tensors, and it multiplied out."""
    rng = np.random.default_rng(seed)
    group, bits = {"mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}[mode]
    codes = rng.integers(0, 2**bits, shape)
    if mode == "mxfp8":
        codes[codes % 128 == 127] = 0  # no numbers
        factors = codes.astype(np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    else:
        factors = E2M1[codes]
    grid = (*shape[:-1], shape[-1] // group)
    if mode == "nvfp4":
        scales = rng.integers(1, 120, grid).astype(np.uint8)
        by = scales.view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    else:
        scales = rng.integers(110, 125, grid).astype(np.uint8)
        by = np.exp2(scales.astype(np.float32) - 127)
    values = factors * np.repeat(by, group, axis=-1)
    return {"weight": words_of_bits(codes, bits), "scales": scales}, values
