"""Weights that are stored as small codes with their scale in a tensor of its own."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from typing import TYPE_CHECKING

from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo
    from weightgauge.weibull import WeibullFit


def note_stored_scale(tensor: TensorInfo, found: WeibullFit, names: Container[str]) -> WeibullFit:
    """Mark the fit of codes whose scale lies beside them.

    One scale for the whole tensor would change lambda only; one for each row or tile changes k
    too.

    Parameters
    ----------
    tensor : TensorInfo
        What was fitted; only the 8-bit and 4-bit float formats are ever stored with a scale.
    found : WeibullFit
        Its fit.
    names : container of str
        Names of all tensors of the checkpoint.

    Returns
    -------
    WeibullFit
        With the status "scale_not_applied" if there is a scale, else as it was.
    """
    if found.status not in ("ok", "sparse") or not tensor.dtype.startswith(("F8_", "F4")):
        return found
    scale = next((name for name in _scale_names(tensor.name) if name in names), None)
    if scale is None:
        return found
    reason = f"fitted as stored: the scale in '{printable(scale)}' is not applied"
    if found.reason:
        reason = f"{reason}; {found.reason}"
    return replace(found, status="scale_not_applied", reason=reason)


def _scale_names(name: str) -> list[str]:
    beside = [f"{name}_scale_inv", f"{name}_scale"]
    owner, _, last = name.rpartition(".")
    if last == "weight" and owner:
        beside += [f"{owner}.scale", f"{owner}.scale_inv", f"{owner}.scale_weight"]
    return beside
