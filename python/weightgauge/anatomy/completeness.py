"""What a model lacks, by names and configuration: blocks, parts of blocks, and its ends."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.anatomy.architecture import Architecture, TowerFacts
from weightgauge.anatomy.architecture.settings import Settings, part_of
from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.anatomy.components.tensor_facts import TensorFacts
from weightgauge.anatomy.lacking_blocks import lacking_blocks
from weightgauge.anatomy.lacking_parts import lacking_parts
from weightgauge.anatomy.lost_kinds import lost_kinds
from weightgauge.anatomy.missing_ends import missing_ends
from weightgauge.anatomy.missing_experts import missing_experts, ranges
from weightgauge.anatomy.stacks import Stack, stacks_of
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SHARED_BLOCKS = ("num_hidden_groups", "num_mem_blocks", "num_recurrent_steps")
"""Keys of models that use one block several times."""
_TYPES = "layer_types"
"""Key that lists what each layer is."""
_NETWORKS = ("mlp", "moe")
"""Types of layers that are feed-forward networks alone."""


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
    stacks = stacks_of(tensors, places, forms)
    by_tower = Counter(stack.tower for stack in stacks)
    found: list[Finding] = []
    families: list[str | None] = []
    outside = ~places.in_blocks()
    begins = bool(stacks) and _have_entrance(TensorFacts.of(tensors).names, places, outside)
    norm_outside = bool((outside & places.of_kinds(("norm",))).any())
    for stack in stacks:
        facts = architecture.of(stack.tower)
        # Where other towers have names, the configuration may be about these.
        alone = by_tower[stack.tower] == 1 and (stack.tower is not None or len(by_tower) == 1)
        own = facts.config if alone else {}
        found += _missing_blocks(
            stack, _stated_blocks(facts, stack) if alone else None, begins=begins
        )
        families.append(family := facts.model_type if alone else None)
        found += lost_kinds(stack, family, own, norm_outside=norm_outside)
        found += lacking_blocks(stack, facts.config or config or {})
        found += lacking_parts(stack, facts.config or config or {})
        found += missing_experts(stack, Settings(own, "", facts.tower, []).number("experts"))
    return found + list(missing_ends(tensors, places, forms, config or {}, stacks, families))


def _have_entrance(names: Sequence[str], places: Components, outside: NDArray[np.bool_]) -> bool:
    """Whether any tensor outside the blocks is an embedding: these are not later blocks alone."""
    if (outside & places.of_kinds(("embed",))).any():
        return True
    others = (outside & places.of_kinds(("other",))).nonzero()[0]
    return any("embed" in names[row] for row in others.tolist())


def _stated_blocks(facts: TowerFacts, stack: Stack) -> tuple[str, int] | None:
    """Return the key and the number of blocks that the configuration states."""
    section, path = facts.config, stack.path
    # A model inside the model has keys that begin with its name.
    inside = path.partition(".")[0].removesuffix("_model")
    if inside != path and any(
        key.startswith(f"{inside}_") and key.endswith("_layers") for key in section
    ):
        return None
    if "depths" in section or any(section.get(key) is not None for key in _SHARED_BLOCKS):
        return None
    stated = Settings(section, "", facts.tower or part_of(section), []).number("blocks")
    if stated is None:
        return None
    stated = _without_networks(stack, section, *stated)
    return _of_another_part(section, *stated, len(stack.names))


def _without_networks(
    stack: Stack, section: Mapping[str, Any], key: str, number: int
) -> tuple[str, int]:
    """Count blocks where the configuration counts the two layers of each by themselves."""
    types = section.get(_TYPES)
    if not isinstance(types, list) or len(types) != number:
        return key, number
    attention = number - sum(each in _NETWORKS for each in types)
    both = stack.of("q", "qkv") & stack.of("down", "ffn_out")
    return (f"attention in {_TYPES}", attention) if both and attention else (key, number)


def _of_another_part(
    section: Mapping[str, Any], key: str, number: int, there: int
) -> tuple[str, int]:
    """Return the number that one of several models has, where the same key tells of each of them.

    Before the key of each but one stands which of them it is.
    """
    for other, value in section.items():
        if value == there != number and type(value) is int and other.endswith(f"_{key}"):
            return other, value
    return key, number


def _parts_two_kinds(stack: Stack, number: int) -> bool:
    """Whether a number in a stage stands between blocks of two kinds.

    What makes rows of a picture there has no weights.
    """
    if not stack.staged:
        return False
    before, behind = (
        {module for module in stack.matrices() if stack.weights[module][at]}
        for at in (number - 1, number + 1)
    )
    return bool(before and behind) and before != behind


def _missing_blocks(
    stack: Stack, stated: tuple[str, int] | None, *, begins: bool
) -> Iterator[Finding]:
    there = sorted(stack.names)
    if len(there) < 2 and stated is None:
        return
    gaps = [
        number
        for number in range(there[0], there[-1] + 1)
        if number not in stack.names and not _parts_two_kinds(stack, number)
    ]
    from_one = there[0] == 1 and not gaps
    doubtful = stated is None and from_one
    # These may be the later blocks of a model, or be counted from one.
    if begins if stated is None else not (from_one and stated[1] == len(there)):
        gaps = [*range(there[0]), *gaps]
    sparse = len(there) > 1 and len(gaps) >= len(there) - 1
    if sparse and (stated is None or stated[1] == len(there)):
        return  # every second or third number: not the numbers of blocks
    if stated is not None:
        gaps += range(there[-1] + 1, stated[1])
    expected = len(there) + len(gaps)
    if not gaps:
        return
    why = ""
    if stated is not None and stated[1] == expected:
        why = f"; config.json says {stated[0]} = {stated[1]:,}"
    which = "block" if len(gaps) == 1 else "blocks"
    yield RULES["missing-block"].finding(
        Place(tower=stack.tower, block=gaps[0] if len(gaps) == 1 else None),
        value=len(there),
        expected=expected,
        level="warning" if doubtful else None,
        what=f"{printable(stack.path)}: {which} {ranges(gaps)} missing, {len(there):,} there{why}"
        + ("; or blocks are counted from 1" if doubtful else ""),
    )
