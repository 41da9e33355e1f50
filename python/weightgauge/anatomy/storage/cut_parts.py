"""Tensors of packed matrices that were cut: those that modules of the same name have otherwise."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from weightgauge.checkpoint import TensorInfo

_NUMBER = re.compile("[0-9]+")

_FEWEST_ALIKE = 0.75
"""Where fewer of the modules have the usual shape, blocks differ on purpose."""
_HALF = 0.5
"""What is at odds with itself needs as many modules beside it that are not."""

Shape = tuple[int, ...]


class CutPart(NamedTuple):
    """A tensor of a packed matrix that the others of its name have in another shape.

    Attributes
    ----------
    name : str
        Its name.
    shape, usual : tuple of int
        Its shape, and theirs.
    sure : bool
        Whether the tensors of its matrix do not fit each other. Otherwise they might be meant so.
    """

    name: str
    shape: Shape
    usual: Shape
    sure: bool


def cut_parts(
    tensors: Mapping[str, TensorInfo],
    fitting: Mapping[str, Sequence[str]],
    at_odds: Mapping[str, Sequence[str]],
    *,
    stated: bool,
) -> Iterator[CutPart]:
    """Find what was cut of packed matrices, by modules whose names differ in numbers alone.

    Parameters
    ----------
    tensors : mapping of str to TensorInfo
        All tensors of a checkpoint, by name.
    fitting, at_odds : mapping of str to sequence of str
        Matrices whose tensors fit each other, and those whose tensors do not: the names of what
        lies beside them, by the names of the tensors with the codes.
    stated : bool
        Whether a configuration states widths and groups. Otherwise several tensors of a module may
        differ together because it has others; and groups that are stated may differ by module.

    Yields
    ------
    CutPart
        Of matrices at odds the one tensor that differs, or the codes where several do; of others
        scales and zero points, where they alone differ.
    """
    groups: dict[str, list[str]] = defaultdict(list)
    for name in (*fitting, *at_odds):
        groups[_NUMBER.sub("#", name)].append(name)
    parts = {**fitting, **at_odds}
    for names in groups.values():
        sound = [name for name in names if name in fitting]
        usual = _usual([_shapes(name, parts[name], tensors) for name in sound])
        for name in names:
            shapes = _shapes(name, parts[name], tensors)
            odd = [leaf for leaf in shapes if leaf in usual and usual[leaf].shape != shapes[leaf]]
            if not odd or (len(odd) > 1 and not stated):
                continue
            leaf = odd[0] if len(odd) == 1 else _leaf(name)
            if sure := name in at_odds:
                told = leaf in odd and len(sound) >= _HALF * len(names)
            else:
                alike = usual[odd[0]].number >= _FEWEST_ALIKE * len(names)
                told = alike and not stated and leaf != _leaf(name)
            if told:
                (whole,) = (each for each in (name, *parts[name]) if _leaf(each) == leaf)
                yield CutPart(whole, shapes[leaf], usual[leaf].shape, sure)


class _Usual(NamedTuple):
    shape: Shape
    number: int


def _usual(modules: Collection[Mapping[str, Shape]]) -> dict[str, _Usual]:
    """Return the shape that most have under each name, and how many have it."""
    counts: dict[str, Counter[Shape]] = defaultdict(Counter)
    for shapes in modules:
        for leaf, shape in shapes.items():
            counts[leaf][shape] += 1
    return {leaf: _Usual(*counted.most_common(1)[0]) for leaf, counted in counts.items()}


def _shapes(
    codes: str, others: Sequence[str], tensors: Mapping[str, TensorInfo]
) -> dict[str, Shape]:
    """Return the shapes of the tensors of a matrix, by the last parts of their names."""
    return {_leaf(name): tensors[name].shape for name in (codes, *others)}


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]
