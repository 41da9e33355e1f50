"""The anomaly that the paper found in the first blocks of some Qwen models."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from weightgauge.fits.slice_fit import SliceFit
from weightgauge.reference.claims import qwen_regime

SHALLOW_BLOCKS = 6
_KINDS = ("gate", "up", "down")
_TOWERS = (None, "decoder", "text")


@dataclass(frozen=True, slots=True, repr=False)
class ShallowFFN:
    """Shapes of gate, up and down in blocks 0 to 5.

    Attributes
    ----------
    min_k : float
        The smallest of these shapes.
    slice : SliceFit
        The matrix that has it.
    regime : str or None
        "A" if `min_k` is at least 1.0; "B", the anomaly, if it is at most 0.7; None in between
        (arXiv:2605.18898).
    """

    min_k: float
    slice: SliceFit
    regime: str | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        place = {name: getattr(self.slice, name) for name in ("tensor", "part", "block", "expert")}
        return {"min_k": self.min_k, **place, "regime": self.regime}

    def __repr__(self) -> str:
        """Show the smallest shape and the regime."""
        return f"<ShallowFFN: smallest k {self.min_k:.3f}, regime {self.regime}>"


def shallow_ffn(slices: Sequence[SliceFit]) -> ShallowFFN | None:
    """Apply the paper's rule to a model with gated FFNs.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of the model.

    Returns
    -------
    ShallowFFN or None
        None for a model without gate, up and down in its first blocks.
    """
    shallow = [
        item
        for item in slices
        if item.kind in _KINDS
        and item.fitted
        and item.block is not None
        and item.block < SHALLOW_BLOCKS
        and item.tower in _TOWERS
    ]
    if {item.kind for item in shallow} != set(_KINDS):
        return None
    least = min(shallow, key=lambda item: item.k)
    return ShallowFFN(least.k, least, qwen_regime(least.k))
