"""Parameter names of real model families, and what each weight is: a line for each.

Kind, block, tower, expert, shape, name; a dash for what there is not. The lines of one family lie
in one checkpoint.
"""

from __future__ import annotations

from typing import NamedTuple

from names import decoders, encoders, images, mixtures, rest
from weightgauge.anatomy.components import Component


class Tensor(NamedTuple):
    """What classification looks at."""

    name: str
    shape: tuple[int, ...]
    dtype: str = "BF16"


class Row(NamedTuple):
    """A tensor and what it is."""

    tensor: Tensor
    component: Component


def _row(line: str) -> Row:
    kind, block, tower, expert, shape, name = line.split()
    sizes = () if shape == "()" else tuple(int(size) for size in shape.split("x"))
    component = Component(
        kind,
        None if block == "-" else int(block),
        None if tower == "-" else tower,
        None if expert == "-" else int(expert),
    )
    return Row(Tensor(name, sizes), component)


FAMILIES: dict[str, list[Row]] = {
    family: [_row(line) for line in lines.strip().splitlines()]
    for table in (decoders, mixtures, encoders, images, rest)
    for family, lines in table.FAMILIES.items()
}
