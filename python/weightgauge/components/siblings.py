"""What lies beside a weight in its checkpoint."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from weightgauge.components.names import ends_with, join, leaf, stem, template, without
from weightgauge.components.table import EXPERT_TEMPLATE, FFN_FAMILIES, NAMED, Family


class TensorLike(Protocol):
    """What classification looks at."""

    @property
    def name(self) -> str:
        """Name of the parameter."""

    @property
    def shape(self) -> tuple[int, ...]:
        """Its shape."""

    @property
    def dtype(self) -> str:
        """Its element format, in the spelling of safetensors."""


class Siblings:
    """The weights of a checkpoint, told for all blocks and experts at once.

    Blocks are built alike, so a neighbour seen in any block counts for all: the answer stays right
    for a lone shard that was cut in the middle of a block. Paths and prefixes are templates:
    parameter names without the numbers of blocks and experts.
    """

    def __init__(self, tensors: Sequence[TensorLike], templates: Sequence[str]) -> None:
        self._paths: set[str] = set()
        self._embed_shapes: set[tuple[int, ...]] = set()
        self._related: set[tuple[str, Family]] = set()
        related: dict[str, tuple[int, ...]] = {}
        leaves: dict[str, str] = {}
        for tensor, blanked in zip(tensors, templates, strict=True):
            last = leaves.get(blanked)
            if last is None:
                last = leaves[blanked] = self._note(blanked)
            if last in _RELATED_LEAVES:
                related[stem(tensor.name) or ""] = tensor.shape
            elif last in _EMBED_TAILS and any(
                ends_with(stem(blanked) or "", tail) for tail in _EMBED_TAILS[last]
            ):
                self._embed_shapes.add(tensor.shape)
        self._relate(related)

    def _note(self, blanked: str) -> str:
        """Note a template seen for the first time; return the last component of its path."""
        path = stem(blanked)
        if path is None:
            return ""
        self._paths.add(path)
        return leaf(path)

    def _relate(self, shapes: dict[str, tuple[int, ...]]) -> None:
        """Note under which prefixes the shapes are as a family wants them."""
        for path, first in shapes.items():
            for family in FAMILIES_BY_LEAF.get(leaf(path), ()):
                relation, first_name, second_name = family.relation
                prefix = without(path, first_name) if relation else None
                if prefix is None:
                    continue
                second = shapes.get(join(prefix, second_name))
                if second is not None and _RELATIONS[relation](first, second):
                    self._related.add((template(prefix), family))

    def has(self, prefix: str, tail: str) -> bool:
        """Whether `prefix.tail` is a weight, in any block."""
        return join(prefix, tail) in self._paths

    def fit(self, family: Family, prefix: str) -> bool:
        """Whether the weights under `prefix` are named after a family."""
        if family.lone_expert:
            alone = sum(self.has(prefix, name) for name in family.kinds) == 1
            return alone and EXPERT_TEMPLATE.search(prefix) is not None
        if family.relation[0] and (prefix, family) not in self._related:
            return False
        return all(self.has(prefix, name) for name in family.neighbours)

    def is_head(self, name: str, shape: tuple[int, ...]) -> bool:
        """Whether a matrix at the end of a model has the shape of an embedding table.

        Where there is no embedding to compare with, `proj_out` (the head of Whisper) must at least
        have more rows than columns, which the `proj_out` of image models has not.
        """
        if self._embed_shapes or name != "proj_out":
            return shape in self._embed_shapes
        return len(shape) == 2 and shape[0] > shape[1]


def _twice(wide: tuple[int, ...], narrow: tuple[int, ...]) -> bool:
    """Whether a first projection has two rows for every column of the second: two in one."""
    return len(wide) >= 2 and len(narrow) >= 2 and wide[0] == 2 * narrow[1] > 0


def _turned(first: tuple[int, ...], second: tuple[int, ...]) -> bool:
    """Whether one shape is the other transposed; square matrices do not tell."""
    return len(first) == 2 and first[0] != first[1] and second == first[::-1]


_RELATIONS = {"twice": _twice, "turned": _turned}

NAMED_BY_LEAF: dict[str, list[tuple[str, str]]] = {}
for _kind, _tails in NAMED:
    for _tail in _tails.split():
        NAMED_BY_LEAF.setdefault(leaf(_tail), []).append((_tail, _kind))

FAMILIES_BY_LEAF: dict[str, list[Family]] = {}
for _family in FFN_FAMILIES:
    for _leaf in dict.fromkeys(map(leaf, _family.kinds)):
        FAMILIES_BY_LEAF.setdefault(_leaf, []).append(_family)

_RELATED_LEAVES = frozenset(leaf(n) for f in FFN_FAMILIES for n in f.relation[1:] if n)
_EMBED_TAILS = {
    last: [tail for tail, kind in rows if kind == "embed"]
    for last, rows in NAMED_BY_LEAF.items()
    if any(kind == "embed" for _, kind in rows)
}
