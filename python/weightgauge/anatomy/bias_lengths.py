"""Biases that are not as long as what they are added to: the weights beside them tell."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence

from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.anatomy.components.tensor_facts import TensorFacts
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.errors import printable

_BIAS, _WEIGHT = "bias", "weight"


def bias_lengths(
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    firsts: Sequence[int],
    left_out: Collection[str],
) -> Iterator[tuple[int, str]]:
    """Yield the rows of biases that have another length than the sides of their weight, and why.

    Parameters
    ----------
    tensors, places
        As in `weightgauge.anatomy.stated_shapes.shape_findings`.
    weights : sequence of int
        Rows of tensors that hold weights in their own shape, those of equal form once.
    firsts : sequence of int
        Rows of all tensors, those of equal form once.
    left_out : collection of str
        Names of weights that tell nothing: packed ones, and those that are odd themselves.

    Yields
    ------
    tuple of int and str
        One for each form of bias or weight that does not fit the other.
    """
    import numpy as np

    names, shapes, dtypes = TensorFacts.of(tensors)
    first = np.array(firsts, np.intp)
    biases = [
        row
        for row in first[places.of_kinds((_BIAS,))[first]].tolist()
        if names[row].endswith(_BIAS)
    ]
    if not biases:
        return
    asked = [(row, names[row].removesuffix(_BIAS) + _WEIGHT) for row in biases]
    asked += [
        (row, names[row].removesuffix(_WEIGHT) + _BIAS)
        for row in weights
        if names[row].endswith(_WEIGHT)
    ]
    wanted = {other for _, other in asked}
    rows = {name: row for row, name in enumerate(names) if name in wanted}
    told: set[int] = set()
    for row, other in asked:
        if other in rows:
            bias, weight = (row, rows[other]) if other.endswith(_WEIGHT) else (rows[other], row)
            if bias in told or names[weight] in left_out or dtypes[weight] not in ITEM_BYTES:
                continue
            if _contradict(shapes[bias], shapes[weight]):
                told.add(bias)
                yield bias, f"'{printable(names[weight])}' has {list(shapes[weight])}"


def _contradict(bias: tuple[int, ...], weight: tuple[int, ...]) -> bool:
    """Whether no side of a weight is as long as its bias.

    Kernels of a convolution name their outputs first, or last where they come from Keras or JAX.
    Those that are transposed and in groups have fewer outputs in their shape than they make.
    """
    if len(bias) != 1 or 0 in bias or 0 in weight or not weight or bias[0] in weight:
        return False
    return len(weight) < 3 or all(bias[0] % side and side % bias[0] for side in weight[:2])
