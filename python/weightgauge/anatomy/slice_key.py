"""The key by which a slice is found in its model."""

from __future__ import annotations

from typing import Any, NamedTuple

from weightgauge.records import as_dict


class SliceKey(NamedTuple):
    """Tensor of a slice, and the part, expert and head of it. No two slices of a model share it.

    Attributes
    ----------
    tensor, part, expert, head
        As in `weightgauge.SliceFit`.
    """

    tensor: str
    part: str | None
    expert: int | None
    head: int | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_dict(self)
