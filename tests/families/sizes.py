"""How large a tiny checkpoint is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Size:
    """Numbers that every family is built from; all parts differ in their number of rows.

    `heads * head_dim` is `hidden`; families that allow it take `wide` as their head size instead.
    """

    hidden: int
    head_dim: int
    ffn: int
    vocab: int
    layers: int
    heads: int = 4
    kv_heads: int = 2
    experts: int = 4

    @property
    def wide(self) -> int:
        """Head size with which heads * head size is not the hidden size."""
        return 2 * self.head_dim


FULL = Size(hidden=64, head_dim=16, ffn=96, vocab=120, layers=2)
# Small enough to be kept as files.
FROZEN = Size(hidden=16, head_dim=4, ffn=24, vocab=24, layers=1)
