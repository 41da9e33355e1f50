"""The neighbours of a weight in its checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weightgauge.anatomy.components.names import ends_with, join, leaf, stem, without
from weightgauge.anatomy.components.table import FAMILIES, NAMED, Family
from weightgauge.anatomy.components.vocabulary import ADAPTER, EXPERT_TEMPLATE, FEED_FORWARD

_Shape = tuple[int, ...]


class Siblings:
    """The weights of a checkpoint, without distinction between blocks or between experts.

    Blocks are built alike, so a neighbour in any block counts for all blocks. The answer is then
    right even for a single shard that was cut in the middle of a block. Paths and prefixes are
    templates: parameter names without the numbers of blocks and experts.
    """

    def __init__(self, weights: Iterable[tuple[str, _Shape]]) -> None:
        paths = ((stem(template), shape) for template, shape in weights)
        asked = ((path, shape) for path, shape in paths if path and leaf(path) in LOOKED_FOR)
        self._shapes: dict[str, list[_Shape]] = {}
        for path, shape in dict.fromkeys(asked):
            self._shapes.setdefault(path, []).append(shape)
        self._related = set(self._relations())
        self._embed_shapes = {
            shape
            for path, shapes in self._shapes.items()
            if any(ends_with(path, tail) for tail in _EMBED_TAILS.get(leaf(path), ()))
            for shape in shapes
        }

    def _relations(self) -> Iterator[tuple[str, Family]]:
        """Yield the prefixes under which the shapes are related as a family requires."""
        for path, shapes in self._shapes.items():
            for family in FAMILIES_BY_LEAF.get(leaf(path), ()):
                relation, first, second = family.relation
                prefix = without(path, first) if relation else None
                if prefix is None:
                    continue
                others = self._shapes.get(join(prefix, second), ())
                related = _RELATIONS[relation]
                # Blocks have few different shapes, but a hostile file could have any number.
                if any(related(a, b) for a in shapes[:_MOST] for b in others[:_MOST]):
                    yield prefix, family

    def has(self, prefix: str, tail: str) -> bool:
        """Whether `prefix.tail` is a weight in any block."""
        return join(prefix, tail) in self._shapes

    def fit(self, family: Family, prefix: str) -> bool:
        """Whether the weights under `prefix` are those of a family."""
        if family.lone_expert:
            alone = sum(self.has(prefix, name) for name in family.kinds) == 1
            return alone and EXPERT_TEMPLATE.search(prefix) is not None
        if family.relation[0] and (prefix, family) not in self._related:
            return False
        if family.places and not any(_WITHIN[place](prefix) for place in family.places):
            return False
        return all(self.has(prefix, name) for name in family.neighbours)

    def is_head(self, name: str, shape: _Shape) -> bool:
        """Whether a matrix at the end of a model has the shape of an embedding table.

        Without an embedding to compare with, `proj_out`, the head of Whisper, must have more rows
        than columns. The `proj_out` of image models has not.
        """
        if self._embed_shapes or name != "proj_out":
            return shape in self._embed_shapes
        return len(shape) == 2 and shape[0] > shape[1]


def _twice(wide: _Shape, narrow: _Shape) -> bool:
    """Whether a first projection holds two, with two outputs for every input of the second.

    The second projection must lead back to the inputs of the first; otherwise, where the sizes of
    blocks differ, tensors of two blocks could be paired. Stacked experts may be stored transposed.
    """
    if len(wide) != len(narrow) or len(wide) not in (2, 3) or wide[:-2] != narrow[:-2]:
        return False
    (rows, columns), (outputs, inputs) = wide[-2:], narrow[-2:]
    plain = (rows, columns) == (2 * inputs, outputs)
    turned = len(wide) == 3 and (rows, columns) == (inputs, 2 * outputs)
    return rows * columns > 0 and (plain or turned)


def _turned(first: _Shape, second: _Shape) -> bool:
    """Whether one shape is the other transposed; square matrices do not show it."""
    return len(first) == 2 and first[0] != first[1] and second == first[::-1]


def _is_block(prefix: str) -> bool:
    """Whether a module is a block or an expert, whose numbers templates replace by `#`."""
    return leaf(prefix) == "#"


def _is_feed_forward(prefix: str) -> bool:
    return FEED_FORWARD.search(leaf(prefix)) is not None


def _is_inside(prefix: str) -> bool:
    return "#" in prefix.split(".") and ADAPTER.search(leaf(prefix)) is None


_WITHIN = {"block": _is_block, "ffn": _is_feed_forward, "inside": _is_inside}
_RELATIONS = {"twice": _twice, "turned": _turned}
_MOST = 64

NAMED_BY_LEAF: dict[str, list[tuple[str, str]]] = {}
for _kind, _tails in NAMED:
    for _tail in _tails.split():
        NAMED_BY_LEAF.setdefault(leaf(_tail), []).append((_tail, _kind))

FAMILIES_BY_LEAF: dict[str, list[Family]] = {}
for _family in FAMILIES:
    for _leaf in dict.fromkeys(map(leaf, _family.kinds)):
        FAMILIES_BY_LEAF.setdefault(_leaf, []).append(_family)

_EMBED_TAILS = {
    last: [tail for tail, kind in rows if kind == "embed"]
    for last, rows in NAMED_BY_LEAF.items()
    if any(kind == "embed" for _, kind in rows)
}

LOOKED_FOR = frozenset(
    leaf(tail)
    for family in FAMILIES
    for tail in (*family.kinds, *family.neighbours, *family.relation[1:])
).union(_EMBED_TAILS)
"""Last components of the paths that anything is asked of."""
