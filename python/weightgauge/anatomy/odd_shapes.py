"""Shapes that few tensors of a module have, and that no design of the blocks explains."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from weightgauge.anatomy.block_sides import READ
from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.regular_blocks import is_regular
from weightgauge.anatomy.unknown_sides import unknown_sides

NUMBER = re.compile("[0-9]+")

FEW = 0.25
"""Where more of the tensors of a module lack the usual shape, blocks differ on purpose."""
_FEWEST_REGULAR = 2
"""So many blocks of another sort are at a fixed distance by chance."""
LARGEST = 10**7
"""No side is larger."""

_PARTNERS = {
    **{"q": ("o",), "o": ("q",), "k": ("v",), "v": ("k",)},
    **{"gate": ("down",), "up": ("down",), "gate_up": ("down",), "down": ("up", "gate_up")},
    **{"ffn_in": ("ffn_out",), "ffn_out": ("ffn_in",)},
}
"""Kinds with which one shares a side: blocks that are wider or narrower differ in both."""
_OF_HEADS = re.compile(r"(?:^|[._])(?:q|k|v|kv|qk|query|key|value)_?(?:layer|a|b)?_?norm")
"""Norms over heads, whose width is not that of the model, though it may be the same number."""


@dataclass(slots=True)
class Module:
    """Tensors whose names differ in numbers alone.

    Attributes
    ----------
    kind : str
        What they are.
    name : str
        Their name with "#" in place of the numbers.
    shapes : Counter
        How many have each shape.
    forms : dict of tuple to set of int
        The forms of each shape: see `weightgauge.anatomy.components.Classified`.
    """

    kind: str
    name: str
    shapes: Counter[tuple[int, ...]] = field(default_factory=Counter)
    forms: dict[tuple[int, ...], set[int]] = field(default_factory=dict)


class _Odd(NamedTuple):
    """A shape that is not the usual one of its module.

    Attributes
    ----------
    module : Module
        Whose it is.
    shape, usual : tuple of int
        It, and the one that most have.
    few : bool
        Whether so few tensors lack the usual shape that no design of the blocks explains it.
    """

    module: Module
    shape: tuple[int, ...]
    usual: tuple[int, ...]
    few: bool


def note_module(
    modules: dict[tuple[str, str], Module], kind: str, tensor: TensorLike, form: int, count: int
) -> None:
    """Add the tensors of one form to their module."""
    name = NUMBER.sub("#", tensor.name)
    module = modules.setdefault((kind, name), Module(kind, name))
    shape = tuple(tensor.shape)
    module.shapes[shape] += count
    module.forms.setdefault(shape, set()).add(form)


def odd_shapes(
    modules: Sequence[Module],
    sizes: Collection[int],
    widths: Collection[int],
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
) -> Iterator[tuple[int, str]]:
    """Yield the rows of tensors whose shape most of their module do not have, and why it is odd.

    Parameters
    ----------
    modules : sequence of Module
        Those of one stack of blocks.
    sizes : collection of int
        Numbers of the configuration that sides of matrices may be made of.
    widths : collection of int
        Those of them that are the width of the residual stream.
    tensors, places, forms
        As in `weightgauge.anatomy.stated_shapes.shape_findings`.

    Yields
    ------
    tuple of int and str
    """
    odd_of = {form: odd for odd in _odd_ones(modules) for form in odd.module.forms[odd.shape]}
    if not odd_of:
        return
    explained = {*sizes, *(a * b for a in sizes for b in sizes if a * b <= LARGEST)}
    explained |= {2 * size for size in explained}
    rows = [row for row, form in enumerate(forms) if form in odd_of]
    alone = _alone(rows, tensors, places)
    odd_rows = [(row, odd_of[forms[row]]) for row in rows]
    regular = _regular(odd_rows, tensors, places)
    wider = _as_wide_as_others(odd_rows, tensors, places)
    lone = _norms_of_nothing(odd_rows, tensors, places)
    for row in rows:
        odd = odd_of[forms[row]]
        others = f"others of its kind have {list(odd.usual)}"
        # A configuration that states no width of the model may state no sizes of it at all.
        sized = bool(widths) or explained.issuperset(odd.usual)
        if odd.few and sized and not explained.issuperset(odd.shape):
            yield row, f"{others}, and config.json states no such size"
        elif sorted(odd.shape) == sorted(odd.usual):
            yield row, f"{others}; its sides are exchanged"
        elif odd.few and row in alone - regular - wider and len(odd.shape) == len(odd.usual) == 2:
            yield row, f"{others}, and the matrices that it works with in its block have theirs"
        elif odd.few and _is_norm_of_stream(odd, widths) and row not in wider:
            yield row, f"{others}, the width of the model"
        elif odd.few and row in lone:
            yield row, f"{others}, and the rest of its block is as in the others"


def _odd_ones(modules: Sequence[Module]) -> Iterator[_Odd]:
    for module in modules:
        if len(module.shapes) == 1:
            continue
        (usual, count), *others = module.shapes.most_common()
        total = module.shapes.total()
        if 2 * count > total:
            few = total - count <= FEW * total
            yield from (_Odd(module, shape, usual, few) for shape, _ in others)


def _alone(rows: Sequence[int], tensors: Sequence[TensorLike], places: Components) -> set[int]:
    """Return those rows whose partners in the same block are there and have their usual shapes."""
    odd: defaultdict[str, set[str]] = defaultdict(set)
    for row in rows:
        odd[block_path(tensors[row].name)].add(places.kinds[row])
    there: defaultdict[str, set[str]] = defaultdict(set)
    for row, kind in enumerate(places.kinds):
        if kind in _PARTNERS and (path := block_path(tensors[row].name)) in odd:
            there[path].add(kind)
    found = set()
    for row in rows:
        path = block_path(tensors[row].name)
        partners = there[path].intersection(_PARTNERS.get(places.kinds[row], ()))
        if partners and partners.isdisjoint(odd[path]):
            found.add(row)
    return found


def _regular(
    odd_rows: Sequence[tuple[int, _Odd]], tensors: Sequence[TensorLike], places: Components
) -> set[int]:
    """Return those rows that return at a fixed distance, as blocks of another sort do."""
    shapes: defaultdict[tuple[str, tuple[int, ...]], list[int]] = defaultdict(list)
    for row, odd in odd_rows:
        shapes[NUMBER.sub("#", tensors[row].name), odd.shape].append(row)
    found: set[int] = set()
    for members in shapes.values():
        blocks = sorted(block for row in members if (block := places.blocks[row]) is not None)
        if len(blocks) > _FEWEST_REGULAR and is_regular(range(max(blocks) + 1), blocks):
            found.update(members)
    return found


def _as_wide_as_others(
    odd_rows: Sequence[tuple[int, _Odd]], tensors: Sequence[TensorLike], places: Components
) -> set[int]:
    """Return those rows of a block that share their unusual side with what belongs to it.

    The first block may be as wide as what comes in: a norm and matrices have that side, or q, k and
    v. A matrix of no known kind may lead from the width of one block to that of the next.
    """
    kinds: defaultdict[tuple[str, int], set[str]] = defaultdict(set)
    sides = {
        row: [(block_path(tensors[row].name), side) for side in set(odd.shape) - set(odd.usual)]
        for row, odd in odd_rows
    }
    for row, of_row in sides.items():
        for each in of_row:
            kinds[each].add(places.kinds[row])
    unknown = unknown_sides({path for path, _ in kinds}, tensors, places)
    shared = {
        (path, side)
        for (path, side), of_side in kinds.items()
        if (len(of_side) > 1 and "norm" in of_side)
        or of_side >= READ
        or side in unknown.get(path, ())
    }
    return {row for row, of_row in sides.items() if not shared.isdisjoint(of_row)}


def _norms_of_nothing(
    odd_rows: Sequence[tuple[int, _Odd]], tensors: Sequence[TensorLike], places: Components
) -> set[int]:
    """Return norms whose width no matrix of their block has, but all that of the other blocks.

    Norms over heads are as wide as no matrix: they are odd where nothing else in their block is.
    """
    paths = {row: block_path(tensors[row].name) for row, _ in odd_rows}
    odd_ones = Counter(paths.values())
    norms = {row: odd for row, odd in odd_rows if odd.module.kind == "norm" and len(odd.shape) == 1}
    asked = {paths[row] for row in norms}
    sides: defaultdict[str, set[int]] = defaultdict(set)
    for row, block in enumerate(places.blocks) if norms else ():
        if block is not None and len(tensors[row].shape) > 1:
            path = block_path(tensors[row].name)
            if path in asked:
                sides[path].update(tensors[row].shape)
    found = set()
    for row, odd in norms.items():
        of_heads, there = is_of_heads(odd.module.name), sides[paths[row]]
        as_others = odd_ones[paths[row]] == 1 if of_heads else odd.usual[0] in there
        if as_others and odd.shape[0] not in there:
            found.add(row)
    return found


def is_of_heads(name: str) -> bool:
    """Whether a norm is one over heads, by its name."""
    return _OF_HEADS.search(name) is not None


def _is_norm_of_stream(odd: _Odd, widths: Collection[int]) -> bool:
    return (
        odd.module.kind == "norm"
        and len(odd.usual) == 1
        and odd.usual[0] in widths
        and not is_of_heads(odd.module.name)
    )
