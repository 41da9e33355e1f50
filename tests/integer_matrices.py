"""Integers of two to eight bits as compressed-tensors stores them, by NumPy from its format."""

from __future__ import annotations

import numpy as np

from packed_matrices import FLOATS, words_down


class Integers:
    """Random codes with a sign, with a scale and a zero point for each group of columns of a row.

    Attributes
    ----------
    codes : ndarray
        One for each weight.
    scales, zeros : ndarray
        One for each row and group; or one number, where `group` is "tensor".
    """

    def __init__(self, rows, columns, group=None, *, bits=8, floats="BF16", zeros=False, seed=0):
        rng = np.random.default_rng(seed)
        self.bits, self.group = bits, group
        most = 2 ** (bits - 1)
        codes = rng.normal(0, most / 3, (rows, columns)).round()
        self.codes = np.clip(codes, -most, most - 1).astype(np.int8)
        single = group == "tensor"
        self.width = columns if group is None or single else group
        grid = (1,) if single else (rows, columns // self.width)
        self.scales = np.exp2(rng.uniform(-10, -6, grid)).astype(np.float32).astype(FLOATS[floats])
        drawn = rng.integers(-most, most, grid).astype(np.int8)
        self.zeros = drawn if zeros else np.zeros_like(drawn)

    def values(self):
        """The matrix multiplied out in float32."""
        zeros, scales = (each.astype(np.float32) for each in (self.zeros, self.scales))
        if self.group != "tensor":
            zeros, scales = (np.repeat(each, self.width, axis=1) for each in (zeros, scales))
        return (self.codes.astype(np.float32) - zeros) * scales

    def plain(self):
        """`int-quantized`."""
        zeros = {"weight_zero_point": self.zeros} if self.zeros.any() else {}
        return {"weight": self.codes, "weight_scale": self.scales, **zeros}

    def packed(self):
        """`pack-quantized`: all codes and zero points are moved up by half of what there are."""
        most = 2 ** (self.bits - 1)
        codes, zeros = (each.astype(np.int64) + most for each in (self.codes, self.zeros))
        beside = {"weight_zero_point": words_down(zeros, self.bits)} if self.zeros.any() else {}
        return {
            "weight_packed": np.ascontiguousarray(words_down(codes.T, self.bits).T),
            "weight_scale": self.scales,
            "weight_shape": np.array(self.codes.shape, np.int64),
            **beside,
        }

    def settings(self, form, **more):
        """What `config.json` says of it."""
        single = "tensor" if self.group == "tensor" else "channel"
        weights = {
            **{"num_bits": self.bits, "type": "int", "symmetric": not self.zeros.any()},
            "strategy": single if self.group in (None, "tensor") else "group",
            "group_size": self.group if isinstance(self.group, int) else None,
            **more,
        }
        return {
            **{"quant_method": "compressed-tensors", "format": form},
            "config_groups": {"group_0": {"targets": ["Linear"], "weights": weights}},
        }
