"""What tells a slice from all others of a model."""

from __future__ import annotations

from typing import NamedTuple


class SliceKey(NamedTuple):
    """Tensor, and which part, expert and head of it.

    Attributes
    ----------
    tensor, part, expert, head
        As in `weightgauge.SliceFit`.
    """

    tensor: str
    part: str | None
    expert: int | None
    head: int | None
