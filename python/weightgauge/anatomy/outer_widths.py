"""Embeddings, heads and last norms that are not as wide as the blocks between them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from weightgauge.anatomy.components import READING, Components, TensorLike
from weightgauge.anatomy.components.places import stack_path
from weightgauge.anatomy.components.vocabulary import NORM
from weightgauge.anatomy.odd_shapes import is_of_heads

TOKENS = re.compile(
    r"(?:^|\.)(?:embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|token_embedding)\.weight$"
)
"""Embeddings that have one row for each token of the vocabulary."""
_HEAD = re.compile(r"(?:^|\.)(?:lm_head|embed_out)\.weight$")
_ADDED = re.compile(r"(?:^|\.)(?:wpe|position_embeddings|token_type_embeddings)\.weight$")
"""Embeddings that are added to those of tokens."""
_OF_OTHERS = re.compile("emb|pre|head|pool|proj|merg|vis|img|audio")
"""Parts of the names of norms that do not follow the blocks."""
_WIDTHS = re.compile("emb")
"""Keys that state the width of an embedding of its own."""
VOCABULARIES = re.compile("vocab_size")


class Stream(NamedTuple):
    """What blocks read and write one after the other.

    Attributes
    ----------
    path : str
        What stands before the numbers of the blocks.
    width : int
        How many numbers it has for each token.
    """

    path: str
    width: int


def outer_widths(
    tensors: Sequence[TensorLike],
    places: Components,
    weights: Sequence[int],
    config: Mapping[str, Any],
    streams: Mapping[str | None, Stream],
) -> Iterator[tuple[int, int]]:
    """Yield the rows of tensors that are not as wide as the stream that they lead into or out of.

    Parameters
    ----------
    tensors, places
        As in `weightgauge.anatomy.stated_shapes.shape_findings`.
    weights : sequence of int
        Rows of tensors that hold weights in their own shape, those of equal form once.
    config : mapping
        Content of `config.json`.
    streams : mapping of (str or None) to Stream
        What `streams_of` returned.

    Yields
    ------
    tuple of (int, int)
        The row, and the width that its blocks have.
    """
    if not streams:
        return  # without a stream there is nothing to hold a million shapes against
    outside = [row for row in weights if places.blocks[row] is None]
    ends = [row for row in outside if places.kinds[row] in ("embed", "head")]
    embeddings = [tensors[row].shape for row in ends if TOKENS.search(tensors[row].name)]
    tokens = {shape[0] for shape in embeddings} | stated_numbers(config, VOCABULARIES)
    added = {shape[-1] for shape in embeddings}
    doubled = {tensors[row].shape for row in outside if places.kinds[row] == "norm"}
    bridges = [
        frozenset(tensors[row].shape)
        for row in outside
        if len(tensors[row].shape) == 2 and row not in ends
    ]
    for tower, (path, width) in streams.items():
        for row in outside:
            shape = tensors[row].shape
            if places.towers[row] != tower or width in shape:
                continue
            if _is_last_norm(tensors[row], places.kinds[row], path):
                if shape != (2 * width,):  # two streams beside each other, as in Reformer
                    yield row, width
            elif row not in ends or len(shape) != 2:
                continue
            elif _ADDED.search(tensors[row].name):
                if shape[1] not in added:
                    yield row, width
            elif _has_tokens(tensors[row], tokens):
                other = frozenset(shape)
                explained = any(width in each and not other.isdisjoint(each) for each in bridges)
                explained |= shape[1] == 2 * width and (2 * width,) in doubled
                if not explained and other.isdisjoint(stated_numbers(config, _WIDTHS)):
                    yield row, width


def streams_of(
    tensors: Sequence[TensorLike], places: Components, weights: Sequence[int]
) -> dict[str | None, Stream]:
    """Return the stream of each tower that has one stack of blocks of one width."""
    norms: dict[str | None, set[int]] = defaultdict(set)
    paths: dict[str | None, set[str]] = defaultdict(set)
    reading: dict[str | None, list[tuple[int, ...]]] = defaultdict(list)
    for row in weights:
        if places.blocks[row] is None:
            continue
        tower, shape = places.towers[row], tensors[row].shape
        paths[tower].add(stack_path(tensors[row].name))
        if places.kinds[row] == "norm" and len(shape) == 1 and not is_of_heads(tensors[row].name):
            norms[tower].add(shape[0])
        elif places.kinds[row] in READING and len(shape) >= 2:
            reading[tower].append(shape)
    found = {}
    for tower, widths in norms.items():
        width = next(iter(widths))
        whole = len(widths) == 1 and all(width in shape for shape in reading[tower])
        if whole and reading[tower] and len(paths[tower]) == 1:
            found[tower] = Stream(next(iter(paths[tower])), width)
    return found


def _is_last_norm(tensor: TensorLike, kind: str, path: str) -> bool:
    """Whether a norm follows the blocks: it lies where these lie."""
    module, _, last = tensor.name.rpartition(".")
    outer, _, own = module.rpartition(".")
    return (
        kind == "norm"
        and len(tensor.shape) == 1
        and last in ("weight", "gamma", "scale")
        and outer == path.rpartition(".")[0]
        and NORM.search(own) is not None
        and not _OF_OTHERS.search(own)
    )


def _has_tokens(tensor: TensorLike, tokens: Collection[int]) -> bool:
    """Whether a matrix has a row for each token, so that its other side is a width."""
    named = TOKENS.search(tensor.name) or _HEAD.search(tensor.name)
    return named is not None or tensor.shape[0] in tokens


def stated_numbers(config: Mapping[str, Any], keys: re.Pattern[str]) -> set[int]:
    """Return the numbers under some keys of a configuration and of its sections."""
    found = {value for key, value in config.items() if type(value) is int and keys.search(key)}
    for value in config.values():
        if isinstance(value, Mapping):
            found |= stated_numbers(value, keys)
    return found
