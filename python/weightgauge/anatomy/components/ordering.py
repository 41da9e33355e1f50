"""The order of tables: towers, then blocks by number, then kinds as data flows through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.components.table import KINDS
from weightgauge.anatomy.components.vocabulary import TOWERS
from weightgauge.categorical import numbers_of
from weightgauge.records import taken

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


def in_order(places: Components, last: Sequence[Any]) -> NDArray[np.int64]:
    """Return the rows of many matrices in the order of `order_key`, which makes no key for each.

    Parameters
    ----------
    places : Components
        What they are.
    last : sequence
        What decides where `order_key` does not, such as names. Nothing else is compared by it.

    Returns
    -------
    ndarray of int64
    """
    import numpy as np

    if not places:
        return np.empty(0, np.int64)
    keys = [key for key in _keys(places) if (key != key[0]).any()]
    order = np.lexsort(keys) if keys else np.arange(len(places))
    changes = np.zeros(len(places) - 1, np.bool_)
    for key in keys:
        ordered = key[order]
        changes |= ordered[1:] != ordered[:-1]
    tied = ~(np.append(True, changes) & np.append(changes, True))
    if tied.any():
        groups = np.append(0, np.cumsum(changes))[tied]
        values = taken(last, order[tied].tolist())
        by_value = np.array(sorted(range(len(values)), key=values.__getitem__))
        order[tied] = order[tied][by_value[np.argsort(groups[by_value], kind="stable")]]
    return order


def moves(order: NDArray[np.int64]) -> bool:
    """Whether an order of rows is another one than theirs."""
    return not bool((order[1:] > order[:-1]).all())


def _keys(places: Components) -> list[NDArray[Any]]:
    """Return the members of `order_key` as columns, the one that decides first at the end."""
    import numpy as np

    # Each member depends on one column. There are few kinds and towers.
    tower = numbers_of(places.towers, lambda each: order_key("other", None, each, None)[0], "int16")
    outside = numbers_of(places.kinds, lambda each: order_key(each, None, None, None)[1], "int16")
    kind = numbers_of(places.kinds, lambda each: order_key(each, None, None, None)[3], "int16")
    block, expert = map(_numbers, (places.blocks, places.experts))
    return [expert, kind, block, np.where(block < 0, outside, 1), tower]


def _numbers(column: Sequence[int | None]) -> NDArray[np.int32]:
    """Return the numbers of blocks or experts, -1 where there is none."""
    return numbers_of(column, lambda each: -1 if each is None else each, "int32")
