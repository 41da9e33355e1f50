"""Sides of matrices of no known kind, which may lead from one width to another within a block."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Sequence

from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.components.tensor_facts import TensorFacts


def unknown_sides(
    paths: Collection[str], tensors: Sequence[TensorLike], places: Components
) -> dict[str, set[int]]:
    """Return the sides of the matrices of no known kind in each of some blocks.

    Parameters
    ----------
    paths : collection of str
        What all names of these blocks begin with.
    tensors, places
        As in `weightgauge.anatomy.stated_shapes.shape_findings`.

    Returns
    -------
    dict of str to set of int
        Without sides for blocks that have no such matrix.
    """
    if not paths:
        return {}
    names, shapes, _ = TensorFacts.of(tensors)
    found: defaultdict[str, set[int]] = defaultdict(set)
    asked = places.of_kinds(("other",)) & places.in_blocks()
    for row in asked.nonzero()[0].tolist():
        if len(shapes[row]) == 2 and (path := block_path(names[row])) in paths:
            found[path].update(shapes[row])
    return found
