"""What a model lacks, by names and configuration: blocks, parts of blocks, and its ends."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from weightgauge.anatomy.architecture import Architecture, TowerFacts
from weightgauge.anatomy.architecture.settings import Settings
from weightgauge.anatomy.components import (
    MATRIX_KINDS,
    Components,
    TensorLike,
    first_rows,
)
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.missing_ends import missing_ends
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place, enumerated, named

_LEAST_BLOCKS = 3
"""With fewer blocks nobody can say which of them is as it should be."""
_FEW = 0.25
"""Up to this share of the blocks, at one end of a stack, are seldom another kind of block."""
_NUMBER = re.compile("[0-9]+")

_KINDS_OF_BLOCKS = ("layer_types", "layers_block_type", "attention_types")
"""Keys that name the kind of each block."""
_OTHER_KINDS_OF_BLOCKS = (
    *("hybrid_override_pattern", "attn_layer_period", "attn_layer_offset", "block_configs"),
    *("num_kv_shared_layers", "full_attn_idxs", "hybrid_layer_ids", "attn_layer_idx"),
    *("sr_ratios", "sequence_reduction_ratios"),
)
"""Keys that tell of blocks of several kinds in another way."""
_SHARED_BLOCKS = ("num_hidden_groups", "num_mem_blocks", "num_recurrent_steps")
"""Keys of models that use one block several times."""

_HALVES = (
    (("q", "k"), ("v", "kv", "qkv"), "values (v)", "queries and keys (q, k)"),
    (("gate", "up"), ("down", "ffn_out"), "way down (down)", "gate and way up (gate, up)"),
)
"""Kinds that are of no use alone, kinds of which one must be with them, and both in words."""
_OF_KEYS_AND_VALUES = re.compile(r"(?:^|\.)(?:k|v|key|value)_[^.]*$")


@dataclass(slots=True)
class _Stack:
    """Blocks that are numbered together.

    Attributes
    ----------
    tower : str or None
        The tower they belong to.
    path : str
        What stands before their numbers.
    blocks : set of int
        Their numbers.
    there : dict of str to set of int
        The blocks in which a module has a tensor of any kind but a bias. Numbers in a module's
        name, such as those of experts, are replaced by "#".
    weights : dict of str to Counter
        How many matrices and norms a module has in each block.
    matrices : set of str
        Modules that hold matrices.
    kinds : dict of str to set of int
        The blocks that have a matrix of a kind; those of no known kind are "other".
    """

    tower: str | None
    path: str
    blocks: set[int] = field(default_factory=set)
    there: dict[str, set[int]] = field(default_factory=dict)
    weights: dict[str, Counter[int]] = field(default_factory=dict)
    matrices: set[str] = field(default_factory=set)
    kinds: dict[str, set[int]] = field(default_factory=dict)

    def of(self, *kinds: str) -> set[int]:
        """Return the blocks that have a matrix of any of these kinds."""
        return set().union(*(self.kinds.get(kind, ()) for kind in kinds))

    @property
    def uniform(self) -> bool:
        """Whether all blocks have the same modules, with as many weights in each."""
        number = len(self.blocks)
        return all(
            len(counts) == number and len(set(counts.values())) == 1
            for counts in self.weights.values()
        )

    def halves(self, given: Sequence[str], needed: Sequence[str]) -> set[int]:
        """Return the blocks that have all kinds of the first, and none of the second.

        A matrix of no known kind may be one of those that are needed.
        """
        both = set.intersection(*(self.of(kind) for kind in given))
        return both - self.of(*needed, "other")


def missing_findings(
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
    architecture: Architecture,
    config: Mapping[str, Any] | None,
) -> list[Finding]:
    """Find out what a whole model lacks.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of the model.
    places : Components
        What they are.
    forms : sequence of int
        Which tensors are of one form: see `weightgauge.anatomy.components.Classified`.
    architecture : Architecture
        What is known of the towers.
    config : mapping or None
        Content of `config.json`.

    Returns
    -------
    list of Finding
    """
    stacks = _stacks_of(tensors, places, forms)
    by_tower = Counter(stack.tower for stack in stacks)
    found: list[Finding] = []
    for stack in stacks:
        facts = architecture.of(stack.tower)
        # Where other towers have names, the configuration may be about these.
        alone = by_tower[stack.tower] == 1 and (stack.tower is not None or len(by_tower) == 1)
        found += _missing_blocks(stack, _stated_blocks(facts) if alone and facts else None)
        found += _missing_parts(stack, (facts.config if facts else None) or config or {})
    paths = [stack.path for stack in stacks]
    return found + list(missing_ends(tensors, places, forms, config or {}, paths))


def _stacks_of(
    tensors: Sequence[TensorLike], places: Components, forms: Sequence[int]
) -> list[_Stack]:
    """Sort the tensors of blocks by stack and module; one name of each form is looked at."""
    blocks_of: dict[int, list[int | None]] = {}
    for form, block in zip(forms, places.blocks, strict=True):
        blocks_of.setdefault(form, []).append(block)
    stacks: dict[tuple[str | None, str], _Stack] = {}
    for row, form in zip(first_rows(forms), dict.fromkeys(forms), strict=True):
        name, kind, tower = tensors[row].name, places.kinds[row], places.towers[row]
        within = block_path(name)
        if not within or places.blocks[row] is None:
            continue
        path = within.rstrip("0123456789").rstrip(".")
        module = _NUMBER.sub("#", name[len(within) + 1 :].rpartition(".")[0])
        stack = stacks.setdefault((tower, _NUMBER.sub("#", path)), _Stack(tower, path))
        numbers = [number for number in blocks_of[form] if number is not None]
        stack.blocks.update(numbers)
        if kind != "bias":  # a bias is stored as it is, in whatever form its matrix is
            stack.there.setdefault(module, set()).update(numbers)
        if kind in MATRIX_KINDS or kind == "norm":
            stack.weights.setdefault(module, Counter()).update(numbers)
        if kind in MATRIX_KINDS:
            stack.matrices.add(module)
        if kind in MATRIX_KINDS or (kind == "other" and len(tensors[row].shape) > 1):
            stack.kinds.setdefault(kind, set()).update(numbers)
    return [stack for stack in stacks.values() if stack.matrices]


def _stated_blocks(facts: TowerFacts) -> tuple[str, int] | None:
    """Return the key and the number of blocks that the configuration states."""
    section = facts.config
    if "depths" in section or any(section.get(key) is not None for key in _SHARED_BLOCKS):
        return None
    return Settings(section, "", facts.tower, []).number("blocks")


def _missing_blocks(stack: _Stack, stated: tuple[str, int] | None) -> Iterator[Finding]:
    there = sorted(stack.blocks)
    if len(there) < 2 and stated is None:
        return
    first = 1 if there[0] == 1 and (stated is None or stated[1] == len(there)) else 0
    end = there[-1] + 1
    gaps = [number for number in range(first, end) if number not in stack.blocks]
    if len(there) > 1 and len(gaps) >= len(there) - 1:
        return  # every second or third number: not the numbers of blocks
    if stated is not None and end < stated[1]:
        gaps += range(end, stated[1])
        expected: int | None = stated[1]
        why = f"; config.json says {stated[0]} = {stated[1]:,}"
    else:
        expected = len(there) + len(gaps)
        why = ""
    if not gaps:
        return
    which = "block" if len(gaps) == 1 else "blocks"
    yield RULES["missing-block"].finding(
        Place(tower=stack.tower, block=gaps[0] if len(gaps) == 1 else None),
        value=len(there),
        expected=expected,
        what=f"{printable(stack.path)}: {which} {_ranges(gaps)} missing, {len(there):,} there{why}",
    )


def _ranges(numbers: Sequence[int]) -> str:
    """Write numbers shortly: "0, 4 to 7 and 9"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts = [
        f"{low}" if low == high else f"{low}, {high}" if high == low + 1 else f"{low} to {high}"
        for low, high in runs
    ]
    return enumerated(texts)


def _missing_parts(stack: _Stack, config: Mapping[str, Any]) -> Iterator[Finding]:
    if any(config.get(key) is not None for key in _OTHER_KINDS_OF_BLOCKS):
        return
    types = next((config[key] for key in _KINDS_OF_BLOCKS if key in config), None)
    groups: dict[str, list[int]] = {}
    for block in sorted(stack.blocks):
        told = isinstance(types, list) and block < len(types)
        groups.setdefault(str(types[block]) if told and types else "", []).append(block)
    halves: set[int] = set()
    for given, needed, lost, left in _HALVES:
        if "v" in needed and config.get("attention_k_eq_v"):
            continue  # keys are values as well
        lone = stack.halves(given, needed)
        halves |= lone
        if 2 * len(lone) > len(stack.blocks) and not stack.of(*needed):
            yield RULES["missing-part"].finding(
                Place(tower=stack.tower),
                value=0,
                expected=len(lone),
                what=f"{printable(stack.path)}: no block has the {lost}, "
                f"though {len(lone):,} have {left}",
            )
    if stack.uniform:
        return
    for blocks in groups.values():
        if len(blocks) >= _LEAST_BLOCKS:
            yield from _lacking(stack, blocks, halves)


def _lacking(stack: _Stack, blocks: Sequence[int], halves: set[int]) -> Iterator[Finding]:
    """Tell of blocks that have some, but not all, of the weights that most blocks have."""
    usual = _usual(stack, blocks, halves)
    lacking: dict[tuple[str, ...], list[int]] = {}
    for block in blocks:
        if any(counts[block] for module, counts in stack.weights.items() if module not in usual):
            continue  # it is a block of another kind
        absent = [
            module
            for module, number in usual.items()
            if stack.weights[module][block] < number
            # Where a module holds other tensors in place of weights, it is stored in another form.
            and (stack.weights[module][block] or block not in stack.there.get(module, ()))
        ]
        if absent:
            lacking.setdefault(tuple(absent), []).append(block)
    if 2 * sum(map(len, lacking.values())) > len(blocks):
        return
    for modules, members in lacking.items():
        if not _by_design(stack, blocks, usual, modules, members, halves):
            yield _lacking_told(stack, modules, members, blocks)


def _usual(stack: _Stack, blocks: Sequence[int], halves: set[int]) -> dict[str, int]:
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
    stack: _Stack,
    blocks: Sequence[int],
    usual: Iterable[str],
    modules: Sequence[str],
    members: Sequence[int],
    halves: set[int],
) -> bool:
    """Whether blocks that lack the same modules are rather another kind of block."""
    if members == [blocks[0]] and not stack.matrices & set(modules):
        return True  # a first block may do without a norm that the embedding has already
    if _regular(blocks, members):
        return True
    at_the_end = list(blocks[-len(members) :]) == members
    if at_the_end and halves.isdisjoint(members) and all(map(_OF_KEYS_AND_VALUES.search, modules)):
        return True  # the last blocks may use the keys and values of an earlier one
    # Some models add attention to a second input in their first or last blocks alone.
    many = len(members) > max(1, _FEW * len(blocks))
    at_an_end = at_the_end or list(blocks[: len(members)]) == members
    parts = {module.partition(".")[0] for module in modules}
    whole = {module for module in usual if module.partition(".")[0] in parts} == set(modules)
    return many and at_an_end and whole


def _regular(blocks: Sequence[int], members: Sequence[int]) -> bool:
    """Whether members return at a fixed distance: every third block, or two of every five."""
    steps = {after - before for before, after in pairwise(members)}
    if len(members) > 2 and len(steps) == 1 and steps != {1}:
        return True
    pattern = [block in members for block in blocks]
    return any(pattern[period:] == pattern[:-period] for period in range(2, len(pattern) // 2 + 1))


def _lacking_told(
    stack: _Stack, modules: Sequence[str], members: Sequence[int], blocks: Sequence[int]
) -> Finding:
    names = [f"{stack.path}.{block}.{module}" for block in members for module in modules]
    several = any("#" in module for module in modules)
    return RULES["missing-part"].finding(
        Place(tower=stack.tower, block=members[0] if len(members) == 1 else None),
        value=len(blocks) - len(members),
        expected=len(blocks),
        what=f"{'some of ' if several else ''}{named(names)} missing; the other blocks have "
        f"{'it' if len(names) == 1 and not several else 'them'}",
    )
