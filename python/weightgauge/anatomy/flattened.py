"""Matrices that have lost a side: what others of their name have in other blocks tells of them."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence

from weightgauge.anatomy.components import MATRIX_KINDS, Components, TensorLike
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.odd_shapes import FEW
from weightgauge.anatomy.outer_widths import TOKENS
from weightgauge.records import taken

_EXPERT = re.compile(r"(experts\.)[0-9]+")


def flattened(
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    forms: Sequence[int],
) -> Iterator[tuple[int, str]]:
    """Yield the rows of tensors that have fewer than two sides where a matrix should be, and why.

    Names are compared whole, but for the number of the block: a norm may stand behind a matrix in
    one list, and has another number there.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of the model.
    places : Components
        What they are.
    weights : sequence of int
        Rows of tensors that hold weights in their own shape, those of equal form once.
    forms : sequence of int
        Which tensors are of one form.

    Yields
    ------
    tuple of int and str
    """
    groups: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for row, block in zip(weights, taken(places.blocks, weights), strict=True):
        if block is not None:
            groups[_in_blocks(tensors[row].name)].append(row)
        elif TOKENS.search(tensors[row].name) and len(tensors[row].shape) < 2:
            yield row, "an embedding has a row for each token"
    counts = Counter(forms)
    for rows in groups.values():
        flat = [row for row in rows if len(tensors[row].shape) < 2]
        matrices = [row for row in rows if places.kinds[row] in MATRIX_KINDS and row not in flat]
        if not flat or not matrices:
            continue
        of_form = {row: counts[forms[row]] for row in rows}
        lost = sum(of_form[row] for row in flat)
        if lost <= FEW * sum(of_form.values()):
            usual = list(tensors[max(matrices, key=of_form.__getitem__)].shape)
            odd = {forms[row] for row in flat}
            yield from (
                (row, f"others of its kind have {usual}")
                for row, form in enumerate(forms)
                if form in odd
            )


def _in_blocks(name: str) -> tuple[str, str]:
    """Return a name without the numbers of its block and its expert."""
    path = block_path(name)
    return path.rpartition(".")[0], _EXPERT.sub(r"\1#", name[len(path) :])
