"""Matrices that have lost a side: what others of their name have in other blocks tells of them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from weightgauge.anatomy.components import MATRIX_KINDS, Components, TensorLike
from weightgauge.anatomy.components.places import block_path, stack_path
from weightgauge.anatomy.components.tensor_facts import TensorFacts
from weightgauge.anatomy.components.vocabulary import EXPERT_WORDS
from weightgauge.anatomy.odd_shapes import FEW
from weightgauge.anatomy.outer_widths import TOKENS
from weightgauge.categorical import numbers_of

_EXPERT = re.compile(rf"((?:^|\.)(?:{'|'.join(sorted(EXPERT_WORDS))})\.)[0-9]+(?=\.)")


def flattened(
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    forms: Sequence[int],
    counts: Sequence[int],
) -> Iterator[tuple[int, str]]:
    """Yield the rows of tensors that have fewer than two sides where a matrix should be, and why.

    Names are compared whole, but for the numbers of block and expert: a norm may stand behind a
    matrix in one list, and has another number there.

    Parameters
    ----------
    tensors, places
        As in `weightgauge.anatomy.stated_shapes.shape_findings`.
    weights : sequence of int
        Rows of tensors that hold weights in their own shape, those of equal form once.
    forms : sequence of int
        Which tensors are of one form.
    counts : sequence of int
        How many tensors are of each form.

    Yields
    ------
    tuple of int and str
    """
    import numpy as np

    names, shapes, _ = TensorFacts.of(tensors)
    every = np.array(weights, np.intp)
    is_flat = numbers_of(shapes, lambda shape: len(shape) < 2, "bool") & places.of_kinds(("other",))
    flat = set(every[is_flat[every]].tolist())
    inside = {row for row in flat if places.blocks[row] is not None}
    for row in sorted(flat - inside):
        if TOKENS.search(names[row]):
            yield row, "an embedding has a row for each token"
    asked = {_in_blocks(names[row]) for row in inside}
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row in weights if asked else ():
        if places.blocks[row] is not None and (key := _in_blocks(names[row])) in asked:
            groups[key].append(row)
    for rows in groups.values():
        number = {row: counts[forms[row]] for row in rows}
        odd = {forms[row]: number[row] for row in rows if row in inside}
        matrices = [row for row in rows if places.kinds[row] in MATRIX_KINDS]
        if matrices and sum(odd.values()) <= FEW * sum(number.values()):
            usual = list(shapes[max(matrices, key=number.__getitem__)])
            for row, form in enumerate(forms):
                if form in odd:
                    yield row, f"others of its kind have {usual}"


def _in_blocks(name: str) -> tuple[str, str]:
    """Return a name without the numbers of its block and its expert, in two parts."""
    return stack_path(name), _EXPERT.sub(r"\1#", name[len(block_path(name)) :])
