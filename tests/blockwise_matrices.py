"""Matrices as bitsandbytes quantises them, by NumPy from the description of its formats."""

from __future__ import annotations

import json

import numpy as np

NF4 = np.array(
    [
        *(-1.0, -0.6961928, -0.52507305, -0.3949175, -0.28444138, -0.18477343, -0.09105004, 0.0),
        *(0.0795803, 0.1609302, 0.2461123, 0.33791524, 0.44070983, 0.562617, 0.72295684, 1.0),
    ],
    np.float32,
)
FP4 = np.array([0, 0.0625, 8, 12, 4, 6, 2, 3], np.float32) / np.float32(12)
FP4 = np.concatenate([FP4, -FP4])


class Blockwise:
    """Random codes of some shape with the largest magnitude of each block of all elements.

    Attributes
    ----------
    codes : ndarray
        One for each weight.
    table : ndarray
        The values of codes.
    absmax : ndarray
        One for each block, which may be codes themselves.
    """

    def __init__(self, *shape, block=64, kind="nf4", nested=False, nested_block=256, seed=0):
        rng = np.random.default_rng(seed)
        self.kind, self.block, self.nested, self.shape = kind, block, nested, shape
        self.table = {"nf4": NF4, "fp4": FP4}[kind]
        size = int(np.prod(shape))
        normal = rng.normal(0, 0.4, size).astype(np.float32)
        self.codes = np.abs(normal[:, None] - self.table).argmin(1).astype(np.uint8)
        blocks = -(-size // block)
        self.absmax = np.exp2(rng.uniform(-6, -4, blocks)).astype(np.float32)
        self.state = {
            **{"quant_type": kind, "blocksize": block},
            **{"dtype": "bfloat16", "shape": list(shape)},
        }
        if nested:
            self.absmax = rng.integers(0, 256, blocks).astype(np.uint8)
            self.nested_map = np.sort(rng.uniform(-1, 1, 256)).astype(np.float32)
            count = -(-blocks // nested_block)
            self.nested_absmax = np.exp2(rng.uniform(-7, -6, count)).astype(np.float32)
            self.nested_block = nested_block
            self.state |= {
                **{"nested_blocksize": nested_block, "nested_dtype": "float32"},
                "nested_offset": 0.037,
            }

    def scales(self):
        """The largest magnitude of each block, in float32."""
        if not self.nested:
            return self.absmax
        of_blocks = np.repeat(self.nested_absmax, self.nested_block)[: len(self.absmax)]
        return self.nested_map[self.absmax] * of_blocks + np.float32(self.state["nested_offset"])

    def values(self):
        """The matrix multiplied out in float32."""
        scales = np.repeat(self.scales(), self.block)[: self.codes.size]
        return (self.table[self.codes] * scales).reshape(self.shape)

    def tensors(self, state=None):
        """What bitsandbytes stores; `state` takes the place of the text beside the codes."""
        padded = np.pad(self.codes, (0, self.codes.size % 2))
        text = json.dumps(self.state).encode() if state is None else state
        tensors = {
            "weight": (padded[::2] << 4 | padded[1::2])[:, None],
            "weight.absmax": self.absmax,
            "weight.quant_map": self.table,
            f"weight.quant_state.bitsandbytes__{self.kind}": np.frombuffer(text, np.uint8),
        }
        if self.nested:
            tensors["weight.nested_absmax"] = self.nested_absmax
            tensors["weight.nested_quant_map"] = self.nested_map
        return tensors
