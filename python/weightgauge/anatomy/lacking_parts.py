"""Blocks that lack a bias or another parameter that the others like them have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.components.vocabulary import BIAS
from weightgauge.anatomy.lacking_blocks import blocks_by_type
from weightgauge.anatomy.regular_blocks import is_regular
from weightgauge.anatomy.stacks import Stack
from weightgauge.findings import RULES, Finding, Place, named

_LEAST_BLOCKS = 3
"""With fewer blocks nobody can say which of them is as it should be."""
_FEW = 0.25
"""Where more than this share of the blocks lack a parameter, and more than one, it is by design."""
_SERVES_ANOTHER = re.compile(
    r"(?:^|[._])(?:scales?|scb|absmax|amax|zeros?|zero_point|quant\w*|g_idx|codebooks?|codes"
    r"|mask|masked_bias|inv_freq|position_ids|num_batches_tracked)(?:_[a-z0-9]+)?$",
    re.IGNORECASE,
)
"""What quantised matrices alone have, and buffers that a program makes anew."""
_OF_BATCHES = ("running_mean", "running_var")
"""What norms over batches have, and norms over channels of the same name do without."""


class _Modules(dict[int, dict[str, Counter[int]]]):
    """The weights and parameters of each block, with the blocks that have them.

    They are gathered for the blocks that are asked for, which are few.
    """

    def __init__(self, stack: Stack) -> None:
        super().__init__()
        self._stack = stack

    def __missing__(self, block: int) -> dict[str, Counter[int]]:
        """Gather what a block has."""
        self[block] = {
            module: counts
            for each in (self._stack.weights, self._stack.parts)
            for module, counts in each.items()
            if counts[block]
        }
        return self[block]


def lacking_parts(stack: Stack, config: Mapping[str, Any]) -> Iterator[Finding]:
    """Tell of blocks that lack a bias or a parameter of no known kind, such as a convolution.

    A block is held against those that have the same weights around the parameter: a bias is missed
    where its matrix is, and what else a state space layer has where its projections are.

    Parameters
    ----------
    stack : Stack
        The blocks.
    config : mapping
        The section of the configuration that is about them, or the whole.

    Yields
    ------
    Finding
        One for all that the same blocks lack.
    """
    number = len(stack.names)
    uneven = [
        part
        for part, counts in stack.parts.items()
        if (len(counts) < number or len(set(counts.values())) > 1)
        and not _SERVES_ANOTHER.search(part)
    ]
    if not uneven:
        return
    modules = _Modules(stack)
    for blocks in blocks_by_type(stack, config):
        lost: dict[tuple[int, ...], list[str]] = {}
        for part in uneven:
            members = _lacking(stack, modules, blocks, part)
            if members:
                lost.setdefault(members, []).append(part)
        for members, parts in lost.items():
            yield _told(stack, parts, members, len(blocks))


def _lacking(stack: Stack, modules: _Modules, blocks: Sequence[int], part: str) -> tuple[int, ...]:
    """Return the blocks that lack a parameter although they are like those that have it."""
    counts, owner = stack.parts[part], part.rpartition(".")[0]
    of_owner = stack.weights.get(owner)
    having = [
        block
        for block in blocks
        if counts[block] and (of_owner is None or counts[block] >= of_owner[block])
    ]
    around = _around(stack, having, owner)
    alike = [block for block in blocks if all(stack.weights[each][block] for each in around)]
    members = [block for block in alike if block not in having]
    if owner not in around:
        members = [
            block for block in members if not _is_made_otherwise(modules[block], owner, having)
        ]
    if part.endswith(_OF_BATCHES):
        members = [block for block in members if _has_half(stack, owner, block)]
    if len(alike) < _LEAST_BLOCKS or not 0 < len(members) <= max(1, _FEW * len(alike)):
        return ()
    if is_regular(blocks, members) or _begins_or_ends(modules, alike, members, part, around):
        return ()
    return tuple(members)


def _has_half(stack: Stack, owner: str, block: int) -> bool:
    """Whether a norm has one of the two numbers that those over batches have."""
    both = [stack.parts.get(f"{owner}.{each}") for each in _OF_BATCHES]
    return any(counts is not None and counts[block] for counts in both)


def _begins_or_ends(
    modules: _Modules, alike: Sequence[int], members: Sequence[int], part: str, around: set[str]
) -> bool:
    """Whether the first or the last blocks do without a parameter by design.

    One of them may do so without a whole module that is by itself in the block, several without
    anything but plain biases.
    """
    if members not in (alike[: len(members)], alike[-len(members) :]):
        return False
    owner, _, last = part.rpartition(".")
    if len(members) > 1:
        return last != "bias" or owner not in around
    layer = owner.rpartition(".")[0]
    beside = layer and any(_is_within(module, layer) for module in around)
    return not beside and not _has_any_of(modules[members[0]], owner)


def _around(stack: Stack, having: Sequence[int], owner: str) -> set[str]:
    """Return the weights nearest to a parameter that most blocks with the parameter have."""
    path = owner
    while True:
        found = {
            module
            for module, counts in stack.weights.items()
            if _is_within(module, path)
            and 2 * sum(counts[block] > 0 for block in having) > len(having)
        }
        if found or not path:
            return found
        path = path.rpartition(".")[0]


def _is_within(module: str, path: str) -> bool:
    return not path or module == path or module.startswith(f"{path}.")


def _has_any_of(there: Iterable[str], owner: str) -> bool:
    """Whether the modules of a block are, or lie in, the one that owns a parameter."""
    return any(_is_within(module, owner) for module in there)


def _is_made_otherwise(
    there: Mapping[str, Counter[int]], owner: str, having: Sequence[int]
) -> bool:
    """Whether a block has, around a parameter, what none of the blocks with the parameter has."""
    path = owner.rpartition(".")[0]
    return any(
        _is_within(module, path) and not any(counts[block] for block in having)
        for module, counts in there.items()
    )


def _told(stack: Stack, parts: Sequence[str], members: Sequence[int], blocks: int) -> Finding:
    names = [f"{stack.path_of(block)}.{part}" for block in members for part in parts]
    several = any("#" in part for part in parts)
    biases = {BIAS.search(part.rpartition(".")[2]) is not None for part in parts}
    words = "missing; the other blocks have "
    one = len(names) == 1 and not several
    return RULES["missing-part"].finding(
        Place(
            tensor=names[0] if one else None,
            kind=("bias" if biases == {True} else "other") if len(biases) == 1 else None,
            block=members[0] if len(members) == 1 else None,
            tower=stack.tower,
        ),
        value=blocks - len(members),
        expected=blocks,
        what=f"{words}it" if one else f"{'some of ' if several else ''}{named(names)} {words}them",
    )
