"""A table of the tensors of a checkpoint, with kind, place and format of each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components.ordering import order_key

if TYPE_CHECKING:
    from weightgauge.anatomy.survey import Survey
    from weightgauge.checkpoint import Checkpoint, TensorInfo

FIELDS = (
    *("tensor", "kind", "block", "tower", "expert", "dtype", "shape", "bytes", "storage"),
    "digest",
)
"""Keys of a row. The digest is None as long as the weights have not been read."""


def inventory(
    checkpoint: Checkpoint, known: Survey, tensors: Sequence[TensorInfo] | None = None
) -> list[dict[str, Any]]:
    """List tensors with their kind, place, format and size.

    Parameters
    ----------
    checkpoint : Checkpoint
        The checkpoint.
    known : Survey
        Its survey.
    tensors : sequence of TensorInfo, optional
        The tensors to list; all by default.

    Returns
    -------
    list of dict
        Plain values with the keys `FIELDS`, in the order of tables.
    """
    rows = [
        {
            "tensor": tensor.name,
            "kind": place.kind,
            "block": place.block,
            "tower": place.tower,
            "expert": place.expert,
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "bytes": tensor.nbytes,
            "storage": known.storage.note(tensor.name) or None,
            "digest": None,
        }
        for tensor in (checkpoint.tensors if tensors is None else tensors)
        for place in [known.components[known.rows[tensor.name]]]
    ]
    return sorted(rows, key=_order)


def _order(row: dict[str, Any]) -> tuple[tuple[int, ...], str]:
    return order_key(row["kind"], row["block"], row["tower"], row["expert"]), row["tensor"]
