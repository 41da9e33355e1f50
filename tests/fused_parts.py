"""The parts from which checkpoints with fused tensors are put together."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

# Small, all different, and no divisors of each other where a family allows it.
HIDDEN, HEADS, KV, DIM, FFN, EXPERTS = 24, 6, 2, 4, 20, 3

Array = np.ndarray[Any, Any]
Piece = tuple[str, str | None, int | None, int | None]  # tensor, part, expert, head


@dataclass
class Model:
    """Tensors, configuration, and the pieces that they were made of."""

    tensors: dict[str, Array] = field(default_factory=dict)
    config: dict[str, Any] | None = None
    pieces: dict[Piece, tuple[str, Array]] = field(default_factory=dict)  # -> kind, values

    def fuse(self, name: str, tensor: Array, parts: Mapping[str, Array], **kinds: str) -> None:
        """Add a tensor that is made of parts, whose kinds are their names unless given."""
        self.tensors[name] = tensor
        for part, values in parts.items():
            self.pieces[name, part, None, None] = (kinds.get(part, part), values)

    def save(self, directory: Path, dtype: Any = np.float32) -> Path:
        """Write the checkpoint; pieces become what they are in the file's format."""
        directory.mkdir(parents=True, exist_ok=True)
        self.tensors = {n: np.ascontiguousarray(t.astype(dtype)) for n, t in self.tensors.items()}
        self.pieces = {p: (kind, v.astype(dtype)) for p, (kind, v) in self.pieces.items()}
        save_file(self.tensors, directory / "model.safetensors")
        if self.config is not None:
            (directory / "config.json").write_text(json.dumps(self.config), encoding="utf-8")
        return directory


class Draw:
    """Normal weights; every draw has a standard deviation of its own."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._sigma = 0.01

    def __call__(self, *shape: int) -> Array:
        self._sigma *= 1.3
        return self._rng.normal(0, self._sigma, shape).astype(np.float32)


def rows(*parts: Array) -> Array:
    """Concatenate along the rows."""
    return np.concatenate([part.reshape(-1, part.shape[-1]) for part in parts])
