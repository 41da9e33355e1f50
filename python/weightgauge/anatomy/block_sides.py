"""Sides of matrices that contradict those of the others in their block, however few blocks are."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence

from weightgauge.anatomy.components import READING, WRITING, Components, TensorLike
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.components.vocabulary import EXPERT_WORDS
from weightgauge.anatomy.unknown_sides import unknown_sides

_GATED = ("gate", "up", "down")
READ = frozenset(("q", "k", "v"))
"""Kinds that read what comes into a block."""
_OTHERS = READ - {"q"}
"""Kinds that may read something of another width, such as what an encoder has made."""
_OF_TOKENS = re.compile(r"(?:^|[._])tokens?(?:[._]|$)")
"""Networks that mix the places of a text or picture, as MLP-Mixer has: these are their inputs."""
_OF_EXPERTS = re.compile(rf"(?:^|\.)(?:{'|'.join(sorted(EXPERT_WORDS))})\.")
_FEWEST, _CLEAR = 4, 2
"""One way round is that of the model where so many matrices have it, and so many times as many as
the other one."""


def block_sides(
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    forms: Sequence[int],
    counts: Sequence[int],
    widths: Mapping[str | None, int],
) -> Iterator[tuple[int, str]]:
    """Yield the rows of matrices whose sides the others of their block rule out, and why.

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
    widths : mapping of (str or None) to int
        The width of the stream of each tower whose blocks have one width.

    Yields
    ------
    tuple of int and str
    """
    asked = [
        row
        for row in weights
        if places.blocks[row] is not None
        and places.towers[row] in widths
        and len(tensors[row].shape) == 2
        and tensors[row].shape[0] != tensors[row].shape[1]
        and not _OF_TOKENS.search(tensors[row].name)
        # Experts that lie below each other in one matrix may all have the width on one side.
        and not (places.experts[row] is None and _OF_EXPERTS.search(tensors[row].name))
    ]
    turned = set()
    for row in _turned(tensors, places, asked, forms, counts, widths):
        turned.add(row)
        width = widths[places.towers[row]]
        yield (
            row,
            f"the width of the blocks, {width:,}, is on the other side: its sides are exchanged, "
            "or it is another matrix",
        )
    yield from _networks(tensors, places, weights, forms, turned)


def _turned(
    tensors: Sequence[TensorLike],
    places: Components,
    rows: Sequence[int],
    forms: Sequence[int],
    counts: Sequence[int],
    widths: Mapping[str | None, int],
) -> Iterator[int]:
    """Yield matrices that lie the other way round than most of their tower.

    Linear and Conv1D layers differ.
    """
    ways: dict[str | None, dict[int, bool]] = defaultdict(dict)
    for row in rows:
        kind, tower, shape = places.kinds[row], places.towers[row], tensors[row].shape
        width = widths[tower]
        if kind in READING | WRITING and width in shape:
            ways[tower][row] = (shape[1] == width) == (kind in READING)
    for of_tower in ways.values():  # an encoder may have other layers than the decoder
        votes: Counter[bool] = Counter()
        for row, way in of_tower.items():
            votes[way] += counts[forms[row]]
        (usual, number), *others = votes.most_common()
        if others and number >= max(_FEWEST, _CLEAR * others[0][1]):
            turned = [row for row, way in of_tower.items() if way != usual]
            # A block whose q, k and v are alike reads more than one stream.
            kinds: dict[tuple[str, tuple[int, ...]], set[str]] = defaultdict(set)
            alike = {row: (block_path(tensors[row].name), tensors[row].shape) for row in turned}
            for row in turned:
                kinds[alike[row]].add(places.kinds[row])
            for row in turned:
                if places.kinds[row] not in _OTHERS and not kinds[alike[row]] >= READ:
                    yield row


def _networks(
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    forms: Sequence[int],
    turned: set[int],
) -> Iterator[tuple[int, str]]:
    """Yield the one of gate, up and down whose sides are not those of the two others."""
    # Experts are many, and are held against each other.
    asked = [
        row
        for row in weights
        if places.kinds[row] in _GATED
        and places.blocks[row] is not None
        and places.experts[row] is None
        and len(tensors[row].shape) == 2
    ]
    if len({tuple(sorted(tensors[row].shape)) for row in asked}) < 2:
        return
    wanted = {forms[row] for row in asked}
    networks: dict[str, dict[str, int]] = defaultdict(dict)
    for row in [row for row, form in enumerate(forms) if form in wanted]:
        parent = tensors[row].name.rpartition(".")[0].rpartition(".")[0]
        networks[parent].setdefault(places.kinds[row], row)
    odd: dict[int, tuple[str, tuple[int, ...]]] = {}
    for members in networks.values():
        if len(members) == len(_GATED) and turned.isdisjoint(members.values()):
            sides = {kind: tuple(sorted(tensors[row].shape)) for kind, row in members.items()}
            (usual, number), *_ = Counter(sides.values()).most_common()
            if number == len(_GATED) - 1:
                odd |= {members[kind]: (kind, usual) for kind in _GATED if sides[kind] != usual}
    paths = {row: block_path(tensors[row].name) for row in odd}
    unknown = unknown_sides(set(paths.values()), tensors, places)
    for row, (kind, usual) in odd.items():
        # What a block writes may have the width of the next one, to which another matrix leads.
        if not unknown.get(paths[row], set()).isdisjoint({*tensors[row].shape}.difference(usual)):
            continue
        others = " and ".join(each for each in _GATED if each != kind)
        yield row, f"{others} of its block have sides of {usual[0]:,} and {usual[1]:,}"
