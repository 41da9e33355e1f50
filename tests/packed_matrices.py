"""Matrices of small integers, packed as quantisers pack them, by NumPy from their descriptions."""

from __future__ import annotations

import ml_dtypes
import numpy as np

FLOATS = {"F32": np.float32, "F16": np.float16, "BF16": ml_dtypes.bfloat16}
SIZES = {np.dtype(kind): name for name, kind in FLOATS.items()}
SIZES |= {np.dtype(np.int32): "I32", np.dtype(np.int64): "I64", np.dtype(np.uint8): "U8"}
SIZES |= {np.dtype(np.uint32): "U32", np.dtype(np.int8): "I8"}
EVEN_FIRST = (0, 2, 4, 6, 1, 3, 5, 7)


def as_stored(array):
    """An array as `write_checkpoint` takes it."""
    return SIZES[array.dtype], array.shape, np.ascontiguousarray(array).tobytes()


def words(codes, order=range(8)):
    """Eight codes of the last dimension in a word; `order` is that from the lowest bits on."""
    short = -codes.shape[-1] % 8
    codes = np.pad(codes, [(0, 0)] * (codes.ndim - 1) + [(0, short)])
    eights = codes.reshape(*codes.shape[:-1], -1, 8)[..., list(order)].astype(np.uint32)
    return (eights << np.arange(0, 32, 4, dtype=np.uint32)).sum(-1, dtype=np.uint32).view(np.int32)


def words_down(codes, bits):
    """Codes of each column, side by side from the lowest bits of its words on."""
    spelt = codes.T[..., None] >> np.arange(bits) & 1
    stream = spelt.reshape(codes.shape[1], -1).astype(np.uint8)
    stream = np.pad(stream, [(0, 0), (0, -stream.shape[1] % 32)])
    return np.ascontiguousarray(np.packbits(stream, axis=1, bitorder="little").view("<i4").T)


class Quantised:
    """Random codes of `rows` outputs and `columns` inputs, with scales and zero points of groups.

    Codes have four bits; those of GPTQ may have others.

    Attributes
    ----------
    codes : ndarray
        One for each weight.
    scales, zeros : ndarray
        One for each row and group.
    groups : ndarray
        The group of each column.
    """

    def __init__(self, rows, columns, group, *, scales="F16", symmetric=True, seed=0, bits=4):
        rng = np.random.default_rng(seed)
        self.bits, middle = bits, 2 ** (bits - 1)
        self.groups = np.arange(columns) // group
        count = self.groups[-1] + 1
        normal = rng.normal(middle, 0.3125 * middle, (rows, columns)).round()
        self.codes = np.clip(normal, 0, 2 * middle - 1).astype(np.uint8)
        factors = np.exp2(rng.uniform(-10, -5, (rows, count)))
        self.scales = factors.astype(np.float32).astype(FLOATS[scales])
        drawn = rng.integers(1, 2 * middle - 1, (rows, count), dtype=np.uint8)
        self.zeros = np.full_like(drawn, middle) if symmetric else drawn

    def shuffled(self, seed=1):
        """The same with groups of columns in no order."""
        self.groups = np.random.default_rng(seed).permutation(self.groups)
        return self

    def values(self):
        """The matrix multiplied out in float32."""
        whole = self.codes.astype(np.float32) - self.zeros.astype(np.float32)[:, self.groups]
        return whole * self.scales.astype(np.float32)[:, self.groups]

    def compressed(self, *, zeros=None, index=False):
        """`pack-quantized` of compressed-tensors."""
        tensors = {
            "weight_packed": words(self.codes),
            "weight_scale": self.scales,
            "weight_shape": np.array(self.codes.shape, np.int64),
        }
        if zeros if zeros is not None else (self.zeros != 8).any():
            tensors["weight_zero_point"] = words(self.zeros.T).T
        if index:
            tensors["weight_g_idx"] = self.groups.astype(np.int32)
        return tensors

    def gptq(self, *, second=False, index=True, taken=None):
        """GPTQ, whose first format has zero points less one: in each word as a whole, if it can.

        From its words of zero points the numbers `taken` are taken by turns instead.
        """
        whole = 32 % self.bits == 0
        less_one = not second and taken is None
        zeros = (self.zeros - 1) % 2**self.bits if less_one and not whole else self.zeros
        zeros = words_down(zeros, self.bits).T
        if less_one and whole:
            taken = [sum(1 << place for place in range(0, 32, self.bits))]
        if taken is not None:
            by_turns = np.resize(np.array(taken, np.uint32), zeros.shape[1])
            zeros = (zeros.view(np.uint32) - by_turns).view(np.int32)
        tensors = {
            "qweight": words_down(self.codes.T, self.bits),
            "qzeros": zeros,
            "scales": self.scales.T,
        }
        if index:
            tensors["g_idx"] = self.groups.astype(np.int32)
        return tensors

    def awq(self):
        """AWQ in its usual format."""
        return {
            "qweight": words(self.codes.T, EVEN_FIRST),
            "qzeros": words(self.zeros.T, EVEN_FIRST),
            "scales": self.scales.T,
        }


def ternary(values, scale):
    """BitNet: four quarters of the rows in the bits of one byte."""
    quarters = (values + 1).astype(np.uint8).reshape(4, -1, values.shape[1])
    packed = sum(quarter << 2 * i for i, quarter in enumerate(quarters))
    return {"weight": packed.astype(np.uint8), "weight_scale": scale}
