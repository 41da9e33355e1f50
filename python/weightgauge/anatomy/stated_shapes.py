"""Shapes that contradict each other, or the sizes which the configuration states."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.architecture import Architecture, TowerFacts
from weightgauge.anatomy.architecture.settings import Settings
from weightgauge.anatomy.bias_lengths import bias_lengths
from weightgauge.anatomy.block_sides import block_sides
from weightgauge.anatomy.components import Components, TensorLike, first_rows, numbers_of_forms
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.components.tensor_facts import TensorFacts
from weightgauge.anatomy.flattened import flattened
from weightgauge.anatomy.odd_shapes import LARGEST, NUMBER, Module, note_module, odd_shapes
from weightgauge.anatomy.outer_widths import (
    TOKENS,
    VOCABULARIES,
    outer_widths,
    stated_numbers,
    streams_of,
)
from weightgauge.categorical import numbers_of
from weightgauge.dtypes import ITEM_BYTES
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

_OF_BLOCKS = frozenset(
    (
        *("q", "k", "v", "qkv", "o", "gate", "up", "gate_up", "down", "ffn_in", "ffn_out"),
        *("router", "norm"),
    )
)
"""Kinds of which one side is the width of the residual stream."""
_FEED_FORWARD = ("ffn_out", "down")
"""Kinds whose other side is the inner width of a feed-forward network."""
_INNER = ("intermediate_size", "ffn_dim", "d_ff", "n_inner")
"""Keys that state the inner width."""
_OF_SIDES = re.compile(
    "head|dim|size|width|rank|channel|inner|inter|expert|group|ff|d_model|embd|embed|mel|input|lfr|frames"
)
"""Keys that state a side of a matrix, or a number by which one is multiplied."""
_COMPUTED = re.compile("adjust|multiple_of")
"""Keys by which a program computes the inner width from the one that is stated."""
_OF_STAGES = re.compile("dim|hidden|width|channel|stage|depth|inter|head|expert")
"""Keys whose lists have a number for each of several stages, or for each block."""
_OF_SINGLE_BLOCKS = ("block_configs", "pruned_heads")
"""Keys that tell how wide single blocks are, in words of their own."""
_MOST_TIMES = 64
"""Numbers up to this count things, such as experts that are stored as one wider network."""

_ONE_NOT_ANSWERED = ("imagegpt",)
"""Families that count a token which begins a text, and which no head answers with."""
_ROUNDED_UP = 1024
"""A vocabulary is rounded up to a multiple of 128 for each of up to eight devices, at most."""
_ADDED = 0.05
"""Share of further rows that are there for tokens which a program adds later."""


def shape_findings(
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
    architecture: Architecture,
    config: Mapping[str, Any],
    packed: Collection[str],
) -> list[Finding]:
    """Hold shapes against each other, and against the sizes that a configuration states.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of the model; in place of codes, the matrices that they make.
    places : Components
        What they are.
    forms : sequence of int
        Which tensors are of one form; negative for those that serve others, such as scales.
    architecture : Architecture
        What is known of the towers.
    config : mapping
        Content of `config.json`.
    packed : collection of str
        Names of tensors whose shape is not that of their matrix.

    Returns
    -------
    list of Finding
    """
    import numpy as np

    found = [RULES["shape-contradicts"].finding(what=line) for line in architecture.contradictions]
    firsts = first_rows(forms)
    weights = _weights(tensors, forms, firsts, packed)
    # Of a million tensors outside all blocks, and of no kind, little is asked.
    placed = places.in_blocks() | ~places.of_kinds(("other",))
    every = np.array(weights, np.intp)
    known: list[int] = every[placed[every]].tolist()
    counts = numbers_of_forms(forms)
    for facts in architecture.towers:
        found += _of_tower(facts, tensors, places, known, forms, counts)
    streams = streams_of(tensors, places, known)
    widths_of = {tower: each.width for tower, each in streams.items()}
    told = {each.tensor for each in found}
    found += [
        _told(tensors[row], places, row, why)
        for row, why in block_sides(tensors, places, known, forms, counts, widths_of)
        if tensors[row].name not in told
    ]
    found += [
        _told(tensors[row], places, row, why)
        for row, why in flattened(tensors, places, weights, forms, counts)
    ]
    narrow = dict(outer_widths(tensors, places, weights, config, streams))
    found += [
        _told(tensors[row], places, row, f"the blocks have a width of {width:,}")
        for row, width in narrow.items()
    ]
    rest = [row for row in known if row not in narrow]
    found += _vocabularies(tensors, places, rest, architecture, config)
    odd = {each.tensor for each in found if each.tensor is not None}.union(packed)
    found += [
        _told(tensors[row], places, row, why)
        for row, why in bias_lengths(tensors, places, weights, firsts, odd)
    ]
    return found


def _of_tower(
    facts: TowerFacts,
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    forms: Sequence[int],
    counts: Sequence[int],
) -> Iterator[Finding]:
    """Hold the blocks of a tower against each other, and against the sizes that are stated."""
    modules: dict[tuple[str, str], Module] = {}
    for row in weights:
        kind, block, tower, *_ = places[row]
        if kind in _OF_BLOCKS and tower == facts.tower and _in_plain_stack(tensors[row], block):
            note_module(modules, kind, tensors[row], forms[row], counts[forms[row]])
    every = list(modules.values())
    staged = _has_several_sizes(facts.config)
    sizes, widths = (set(), set()) if staged else (_sizes(facts.config), _stream_widths(facts))
    for row, why in odd_shapes(every, sizes, widths, tensors, places, forms):
        yield _told(tensors[row], places, row, why)
    if not staged:
        yield from _inner_widths(facts, every)


def _weights(
    tensors: Sequence[TensorLike],
    forms: Sequence[int],
    firsts: Sequence[int],
    packed: Collection[str],
) -> list[int]:
    """Return which of the first rows of each form hold weights in their own shape."""
    import numpy as np

    names, shapes, dtypes = TensorFacts.of(tensors)
    first = np.array(firsts, np.intp)
    holds = np.asarray(forms)[first] >= 0
    holds &= numbers_of(dtypes, ITEM_BYTES.__contains__, "bool")[first]
    holds &= numbers_of(shapes, all, "bool")[first]
    rows: list[int] = first[holds].tolist()
    return [row for row in rows if names[row] not in packed] if packed else rows


def _has_several_sizes(section: Mapping[str, Any]) -> bool:
    """Whether there are several widths, or several networks.

    Then the sizes that are stated do not tell what each block has.
    """
    return any(section.get(key) for key in _OF_SINGLE_BLOCKS) or any(
        isinstance(value, list)
        and len(value) > 1
        and _OF_STAGES.search(key)
        and all(type(number) is int for number in value)
        for key, value in section.items()
    )


def _in_plain_stack(tensor: TensorLike, block: int | None) -> bool:
    """Whether a tensor lies in a block, and no second number counts stages."""
    path = block_path(tensor.name) if block is not None else ""
    return bool(path) and len(NUMBER.findall(path)) == 1


def _told(
    tensor: TensorLike, places: Components, row: int, why: str, level: str | None = None
) -> Finding:
    kind, block, tower, expert, *_ = places[row]
    place = Place(tensor=tensor.name, kind=kind, block=block, tower=tower, expert=expert)
    shape = str(list(tensor.shape))
    return RULES["shape-contradicts"].finding(
        place, value=shape, level=level, what=f"shape {shape}; {why}"
    )


def _inner_widths(facts: TowerFacts, modules: Sequence[Module]) -> Iterator[Finding]:
    """Tell of feed-forward networks none of which has the inner width that is stated."""
    section = facts.config
    hidden = _stream_widths(facts)
    key = next((key for key in _INNER if type(section.get(key)) is int), None)
    if key is None or not hidden or any(_COMPUTED.search(key) for key in section):
        return
    counts = {number for number in _integers(section) if number <= _MOST_TIMES} | {1}
    # Some families count gate and up together.
    accepted = {size * many for size in _sizes(section) for many in counts} | {section[key] // 2}
    seen: dict[int, Module] = {}
    for module in modules:
        if module.kind not in _FEED_FORWARD or "expert" in module.name:
            continue
        for shape in module.shapes:
            if len(shape) != 2 or hidden.isdisjoint(shape):
                return
            seen[shape[0] if shape[1] in hidden else shape[1]] = module
    if seen and accepted.isdisjoint(seen):
        width, module = next(iter(seen.items()))
        yield RULES["shape-contradicts"].finding(
            Place(kind=module.kind, tower=facts.tower),
            value=width,
            expected=section[key],
            level="warning",
            what=f"config.json says {key} = {section[key]:,}; "
            f"'{printable(module.name)}' has {width:,} inputs",
        )


def _stream_widths(facts: TowerFacts) -> set[int]:
    """Return the widths of the residual stream that a section states."""
    return {value for _, value in Settings(facts.config, "", facts.tower, []).numbers("hidden")}


def _integers(section: Mapping[str, Any]) -> list[int]:
    return [value for value in section.values() if type(value) is int and value > 0]


def _sizes(section: Mapping[str, Any]) -> set[int]:
    """Return the numbers that sides of matrices may be made of; those of experts lie deeper."""
    found = set()
    for key, value in section.items():
        if isinstance(value, Mapping):
            found |= _sizes(value)
        elif type(value) is int and 0 < value <= LARGEST and _OF_SIDES.search(key):
            found.add(value)
    return found


def _vocabularies(
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    architecture: Architecture,
    config: Mapping[str, Any],
) -> Iterator[Finding]:
    """Hold embeddings and heads against the size of the vocabulary.

    Of several embeddings the largest is that of the vocabulary.
    """
    names, shapes, _ = TensorFacts.of(tensors)
    largest: dict[str, int] = {}
    for row in weights:
        kind = places.kinds[row]
        token = kind == "head" or (kind == "embed" and TOKENS.search(names[row]) is not None)
        if token and places.blocks[row] is None and len(shapes[row]) == 2:
            before = largest.setdefault(kind, row)
            if shapes[row][0] > shapes[before][0]:
                largest[kind] = row
    # A width that the blocks have too is that of the model, by whatever key it may be stated.
    of_blocks = {side for row in weights if places.kinds[row] in _OF_BLOCKS for side in shapes[row]}
    sizes = _sizes(config)
    for row in largest.values():
        tensor = tensors[row]
        # Fewer tokens than a row has elements are no width.
        widths = {width := min(tensor.shape), tensor.shape[1]}
        stated = not sizes.isdisjoint(widths) or not of_blocks.isdisjoint(widths)
        if sizes and not architecture.contradictions and not stated:
            why = f"config.json states no such width ({width:,})"
            yield _told(tensor, places, row, why)
        sections = [architecture.of(places.towers[row]).config, config, config.get("text_config")]
        tokens = [
            size
            for section in sections
            if isinstance(section, Mapping) and type(size := section.get("vocab_size")) is int
        ]
        if not tokens or min(tokens) <= 0:
            continue
        rows, columns = tensor.shape
        if not {rows, columns}.isdisjoint(tokens):
            of_model = rows in of_blocks and rows not in tokens and columns not in of_blocks
            if of_model and tensor.name.endswith(".weight"):
                why = f"config.json says vocab_size = {columns:,}; its sides are exchanged"
                yield _told(tensor, places, row, why)
            continue
        fewest = min(tokens) - (config.get("model_type") in _ONE_NOT_ANSWERED)
        if rows < fewest and rows not in stated_numbers(config, VOCABULARIES):
            why = f"config.json says vocab_size = {min(tokens):,}"
            yield _told(tensor, places, row, why)
        most = max(tokens) + max(_ROUNDED_UP, round(_ADDED * max(tokens)))
        if tensor.shape[0] > most and not _has_codebooks(config, tensor.shape[0]):
            why = f"config.json says vocab_size = {max(tokens):,}"
            yield _told(tensor, places, row, why, level="warning")


def _has_codebooks(config: Mapping[str, Any], rows: int) -> bool:
    """Whether sections state other vocabularies, such as those of sounds, that may be in one."""
    for key, value in config.items():
        if isinstance(value, Mapping) and _has_codebooks(value, rows):
            return True
        if "codebook" in key or ("vocab" in key and value == rows):
            return True
    return False
