"""Blocks that lack what most blocks of their stack have."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from weightgauge.anatomy.components import READING, WRITING
from weightgauge.anatomy.lost_kinds import HALVES, without
from weightgauge.anatomy.regular_blocks import is_regular
from weightgauge.anatomy.stacks import Stack
from weightgauge.findings import RULES, Finding, Place, named

_LEAST_BLOCKS = 3
"""With fewer blocks nobody can say which of them is as it should be."""
_FEW = 0.25
"""Up to this share of the blocks, at one end of a stack, are seldom another kind of block."""

_KINDS_OF_BLOCKS = ("layer_types", "layers_block_type", "attention_types")
"""Keys that name the kind of each block."""
_OTHER_KINDS_OF_BLOCKS = (
    *("hybrid_override_pattern", "attn_layer_period", "attn_layer_offset", "block_configs"),
    *("num_kv_shared_layers", "full_attn_idxs", "hybrid_layer_ids", "attn_layer_idx"),
    *("sr_ratios", "sequence_reduction_ratios", "drop_attn_list", "drop_mlp_list"),
)
"""Keys that tell of blocks of several kinds in another way."""
_SECOND_STREAM = re.compile(r"(?:^|[._])(?:context|add|added|txt)(?:[._]|$)")
"""What layers of a second stream of the same width are called by, such as the text of an image."""
_NETWORK = frozenset(("gate", "up", "gate_up", "ffn_in"))
_OF_KEYS_AND_VALUES = re.compile(r"(?:^|\.)(?:k|v|key|value)_[^.]*$")


def lacking_blocks(stack: Stack, config: Mapping[str, Any]) -> Iterator[Finding]:
    """Tell of blocks that have some, but not all, of the weights that most blocks have.

    Parameters
    ----------
    stack : Stack
        The blocks.
    config : mapping
        The section of the configuration that is about them, or the whole.

    Yields
    ------
    Finding
        One for all blocks that lack the same. Single experts are not judged.
    """
    if any(config.get(key) not in (None, []) for key in _OTHER_KINDS_OF_BLOCKS):
        return
    halves: set[int] = set()
    for given, needed in HALVES:
        if not (needed == "v" and config.get("attention_k_eq_v")):  # else keys are values as well
            halves |= without(stack, given, needed)
    if stack.uniform:
        return
    for blocks in blocks_by_type(stack, config):
        if len(blocks) >= _LEAST_BLOCKS:
            yield from _lacking(stack, blocks, halves)


def blocks_by_type(stack: Stack, config: Mapping[str, Any]) -> list[list[int]]:
    """Return the numbers of the blocks, ascending, for each type that the configuration names."""
    types = next((config[key] for key in _KINDS_OF_BLOCKS if key in config), None)
    groups: dict[str, list[int]] = {}
    for block in sorted(stack.names):
        told = isinstance(types, list) and block < len(types)
        groups.setdefault(str(types[block]) if told and types else "", []).append(block)
    return list(groups.values())


def _lacking(stack: Stack, blocks: Sequence[int], halves: set[int]) -> Iterator[Finding]:
    usual = _usual(stack, blocks, halves)
    lacking: dict[tuple[str, ...], list[int]] = {}
    for block in blocks:
        if _is_of_another_kind(stack, usual, block):
            continue
        absent = [
            module
            for module, number in usual.items()
            if stack.weights[module][block] < (1 if module in stack.experts else number)
            # Where a module holds other tensors in place of weights, it is stored in another form.
            and (stack.weights[module][block] or not stack.stored_otherwise(module, block))
        ]
        excused = _in_shorter_lists(stack, usual, block) if absent else set()
        if block == blocks[-1]:
            excused |= _writes_what_nothing_reads(stack, usual, absent)
        absent = [module for module in absent if module not in excused]
        if absent:
            lacking.setdefault(tuple(absent), []).append(block)
    if 2 * sum(map(len, lacking.values())) > len(blocks):
        return
    for modules, members in lacking.items():
        if not _by_design(stack, blocks, usual, modules, members, halves):
            yield _lacking_told(stack, modules, members, blocks)


def _is_of_another_kind(stack: Stack, usual: Collection[str], block: int) -> bool:
    """Whether a block has what most do not have, or nothing but convolutions of its own."""
    if any(counts[block] for module, counts in stack.weights.items() if module not in usual):
        return True
    matrices = [stack.weights[module] for module in stack.matrices().intersection(usual)]
    if any(counts[block] for counts in matrices):
        return False
    return any(
        block in there and not any(counts[each] for counts in matrices for each in there)
        for there in stack.unknown.values()
    )


def _in_shorter_lists(stack: Stack, usual: Mapping[str, int], block: int) -> set[str]:
    """Return the modules of lists in a block that are shorter than in the others, but whole.

    Such blocks are parts of a model, as encoders of several depths are, with layers in each.
    """
    lists: dict[str, list[str]] = {}
    for module, number in usual.items():
        path, listed, inside = module.partition("#.")
        if listed and inside and number > 1 and module not in stack.experts:
            lists.setdefault(path, []).append(module)
    found: set[str] = set()
    for modules in lists.values():
        numbers = {(usual[module], stack.weights[module][block]) for module in modules}
        if len(modules) > 1 and len(numbers) == 1 and all(there for _, there in numbers):
            found.update(modules)
    return found


def _writes_what_nothing_reads(
    stack: Stack, usual: Iterable[str], absent: Sequence[str]
) -> set[str]:
    """Return the layers that a last block may do without: they would write a second stream.

    It still reads that stream, and lacks all that writes it: MMDiT blocks of images and text.
    """
    second = {module for module in usual if _SECOND_STREAM.search(module)}
    kinds = {module: stack.modules[module].kind for module in second}
    lost = second.intersection(absent)
    writing = {module for module, kind in kinds.items() if kind in WRITING or kind in _NETWORK}
    read = any(kinds[module] in READING for module in second - lost)
    return lost if read and writing and writing <= lost else set()


def _usual(stack: Stack, blocks: Sequence[int], halves: set[int]) -> dict[str, int]:
    """Return how many weights of each module most blocks have.

    Half of the blocks are enough where the others are of no use without the module.
    """
    usual = {}
    for module, counts in stack.weights.items():
        there = Counter(counts[block] for block in blocks if counts[block]).most_common(1)
        if there:
            ((number, blocks_with),) = there
            useless = all(counts[block] or block in halves for block in blocks)
            if 2 * blocks_with > len(blocks) or (useless and 2 * blocks_with == len(blocks)):
                usual[module] = number
    return usual


def _by_design(
    stack: Stack,
    blocks: Sequence[int],
    usual: Iterable[str],
    modules: Sequence[str],
    members: Sequence[int],
    halves: set[int],
) -> bool:
    """Whether blocks that lack the same modules are rather another kind of block."""
    if members == [blocks[0]] and not stack.matrices() & set(modules):
        return True  # a first block may do without a norm that the embedding has already
    if is_regular(blocks, members):
        return True
    at_the_end = list(blocks[-len(members) :]) == members
    if stack.staged and at_the_end and not stack.matrices() & set(modules):
        return True  # the last of several stages has no norm of what it does not make smaller
    if at_the_end and halves.isdisjoint(members) and _are_keys_and_values(stack, modules):
        return True  # the last blocks may use those of an earlier one
    # Some models add attention to a second input in their first or last blocks alone.
    many = len(members) > max(1, _FEW * len(blocks))
    at_an_end = at_the_end or list(blocks[: len(members)]) == members
    parts = {module.partition(".")[0] for module in modules}
    whole = {module for module in usual if module.partition(".")[0] in parts} == set(modules)
    if whole and at_the_end and _write_another_stream(stack, usual, modules):
        return True  # nothing reads what the last block would write there
    return many and at_an_end and whole


def _are_keys_and_values(stack: Stack, modules: Sequence[str]) -> bool:
    """Whether modules are all that makes keys and values, and nothing else."""
    kinds = {stack.modules[module].kind for module in modules}
    both = kinds >= {"k", "v"} or not kinds.isdisjoint(("kv", "kv_a", "kv_b"))
    return both and all(map(_OF_KEYS_AND_VALUES.search, modules))


def _write_another_stream(stack: Stack, usual: Iterable[str], modules: Sequence[str]) -> bool:
    """Whether layers read and write a stream that the rest of their block reads, but never writes.

    Each layer has a norm of what it reads.
    """
    others = set(usual).difference(modules)
    rest = _shapes(stack, others, *WRITING)
    written = {shape[-2] for shape in _shapes(stack, modules, *WRITING) if len(shape) > 1}
    normed = {each[-1] for each in _shapes(stack, modules, "norm")}
    normed &= {each[-1] for each in _shapes(stack, others, "norm")}
    # Either side may be the one that is written: some matrices are stored the other way round.
    return bool(rest and written) and written.isdisjoint(chain(*rest)) and written <= normed


def _shapes(stack: Stack, modules: Iterable[str], *kinds: str) -> list[tuple[int, ...]]:
    """Return the shapes of the weights of some kinds."""
    return [stack.shapes[each] for each in modules if stack.modules[each].kind in kinds]


def _lacking_told(
    stack: Stack, modules: Sequence[str], members: Sequence[int], blocks: Sequence[int]
) -> Finding:
    names = [
        f"{stack.path_of(block)}.{module}" if "#" in module else stack.name(block, module)
        for block in members
        for module in modules
    ]
    several = any("#" in module for module in modules)
    kinds = {stack.modules[module].kind for module in modules}
    place = Place(
        tensor=names[0] if len(names) == 1 and not several else None,
        kind=kinds.pop() if len(kinds) == 1 else None,
        block=members[0] if len(members) == 1 else None,
        tower=stack.tower,
    )
    words = "missing; the other blocks have "
    return RULES["missing-part"].finding(
        place,
        value=len(blocks) - len(members),
        expected=len(blocks),
        what=f"{words}it"
        if place.tensor
        else f"{'some of ' if several else ''}{named(names)} {words}them",
    )
