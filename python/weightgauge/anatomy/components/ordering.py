"""The order of tables: towers, then blocks by number, then kinds as data flows through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components.table import KINDS
from weightgauge.anatomy.components.vocabulary import TOWERS

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightgauge.anatomy.components.component import Components


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


def in_order(places: Components, last: Sequence[Any]) -> list[int]:
    """Return the rows of many matrices in the order of `order_key`, which makes no key for each.

    Parameters
    ----------
    places : Components
        What they are.
    last : sequence
        What decides where `order_key` does not, such as names.

    Returns
    -------
    list of int
    """
    import numpy as np

    if not places:
        return []
    by_last = sorted(range(len(last)), key=last.__getitem__)
    # There are few kinds and towers, so their part of the key is made once for each pair.
    known = {
        pair: order_key(pair[0], None, pair[1], None)
        for pair in set(zip(places.kinds, places.towers, strict=True))
    }
    rows = {pair: row for row, pair in enumerate(known)}
    pairs = map(rows.__getitem__, zip(places.kinds, places.towers, strict=True))
    which = np.fromiter(pairs, np.int64, len(places))
    tower, outside, _, kind, _ = np.array(list(known.values()), np.int32).T[:, which]
    block, expert = map(_numbers, (places.blocks, places.experts))
    keys = (expert, kind, block, np.where(block < 0, outside, 1), tower)
    order = np.array(by_last)
    del by_last, which
    deciding = [key[order] for key in keys if (key != key[0]).any()]
    found: list[int] = (order[np.lexsort(deciding)] if deciding else order).tolist()
    return found


def _numbers(column: Sequence[int | None]) -> NDArray[np.int64]:
    """Return the numbers of blocks or experts, -1 where there is none."""
    import numpy as np

    without = column.count(None)
    if without == len(column):
        return np.full(len(column), -1)
    return np.array([-1 if each is None else each for each in column] if without else column)
