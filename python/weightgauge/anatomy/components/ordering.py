"""The order of tables: towers, then blocks by number, then kinds as data flows through them."""

from __future__ import annotations

from weightgauge.anatomy.components.table import KINDS
from weightgauge.anatomy.components.vocabulary import TOWERS


def order_key(
    kind: str, block: int | None, tower: str | None, expert: int | None
) -> tuple[int, int, int, int, int]:
    """Return the sort key of a matrix.

    The key sorts by tower, then embeddings before blocks by number before the rest, then by kind
    and expert.

    Parameters
    ----------
    kind, block, tower, expert
        As in `Component`.

    Returns
    -------
    tuple of int
    """
    outside = 0 if kind == "embed" else 2
    return (
        TOWERS.index(tower),
        outside if block is None else 1,
        -1 if block is None else block,
        KINDS.index(kind),
        -1 if expert is None else expert,
    )
