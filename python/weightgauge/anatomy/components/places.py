"""Places of parameters: block, tower and expert, from the numbers and words in their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from weightgauge.anatomy.components.vocabulary import (
    BLOCK_WORDS,
    EXPERT_NAME,
    EXPERT_WORDS,
    STAGED_BLOCKS,
    TOWER_WORDS,
)

# Nine digits are more than any model needs and keep a hostile name from becoming a huge number.
_NUMBER = re.compile(r"\.([0-9]{1,9})(?=\.)")
_TOWER_OF = {name: tower for tower, names in TOWER_WORDS.items() for name in names.split()}
_HALVES = ("encoder", "decoder")


Place = tuple[str, int | None, str | None, int | None]
"""Template, block, tower and expert of a parameter.

The template is the name without the numbers of blocks and experts, which all blocks share.
"""


class _Skeleton(NamedTuple):
    """Common facts about all names that differ only in their numbers.

    Attributes
    ----------
    kept : tuple of int
        Positions of the numbers that belong neither to blocks nor to experts.
    block, stage, expert : int
        Positions of these numbers; -1 where there is none.
    named_expert : int or None
        Number of the expert where it is part of a word.
    tower : str or None
        The tower.
    templates : dict
        Templates of the names seen so far, by the numbers that they keep.
    """

    kept: tuple[int, ...]
    block: int
    stage: int
    expert: int
    named_expert: int | None
    tower: str | None
    templates: dict[tuple[str, ...], str]


def places_of(names: Sequence[str]) -> list[Place]:
    """Find the places of all parameters of a checkpoint.

    Parameters
    ----------
    names : sequence of str
        All names at once, because blocks in stages are numbered from stage to stage.

    Returns
    -------
    list of Place
        In the same order.
    """
    # Names are split at their numbers. Large models have tens of thousands of names but few
    # skeletons, and only skeletons are examined closely.
    skeletons: dict[tuple[str, ...], _Skeleton] = {}
    stages = _Stages()
    found: list[Place] = []
    for parts in map(_NUMBER.split, names):
        texts = tuple(parts[::2])
        skeleton = skeletons.get(texts)
        if skeleton is None:
            skeleton = skeletons[texts] = _skeleton(texts)
        kept, at_block, stage, at_expert, named_expert, tower, templates = skeleton
        numbers = tuple([parts[i] for i in kept]) if kept else ()
        template = templates.get(numbers)
        if template is None:
            template = templates[numbers] = _blanked(parts, skeleton)
        block = int(parts[at_block]) if at_block >= 0 else None
        expert = int(parts[at_expert]) if at_expert >= 0 else named_expert
        found.append((template, block, tower, expert))
        if stage >= 0:
            stages.note(parts, skeleton)
    return stages.count_through(names, skeletons, found) if stages else found


class _Stages:
    """Blocks of hierarchical models, whose numbers begin anew in every stage."""

    def __init__(self) -> None:
        self._depths: dict[tuple[str, ...], dict[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._depths)

    def note(self, parts: list[str], skeleton: _Skeleton) -> None:
        """Note a block, so that the depth of its stage is known in the end."""
        depths = self._depths.setdefault(tuple(parts[: skeleton.stage]), {})
        stage, block = int(parts[skeleton.stage]), int(parts[skeleton.block])
        depths[stage] = max(depths.get(stage, 0), block + 1)

    def count_through(
        self,
        names: Sequence[str],
        skeletons: dict[tuple[str, ...], _Skeleton],
        found: list[Place],
    ) -> list[Place]:
        """Continue the numbers of blocks from stage to stage; what lies between is in no block."""
        counted = []
        for name, (template, block, tower, expert) in zip(names, found, strict=True):
            parts = _NUMBER.split(name)
            skeleton = skeletons[tuple(parts[::2])]
            if skeleton.stage >= 0:
                block = self._count(parts, skeleton)
            elif skeleton.block >= 0 and tuple(parts[: skeleton.block]) in self._depths:
                block = None
            counted.append((template, block, tower, expert))
        return counted

    def _count(self, parts: list[str], skeleton: _Skeleton) -> int | None:
        """Return the number of a block in the whole model; None if an earlier stage is missing."""
        depths = self._depths[tuple(parts[: skeleton.stage])]
        stage = int(parts[skeleton.stage])
        if stage >= len(depths) or any(earlier not in depths for earlier in range(stage)):
            return None
        return sum(depths[earlier] for earlier in range(stage)) + int(parts[skeleton.block])


def block_path(name: str) -> str:
    """Return the path of the block that a parameter lies in; empty outside the blocks."""
    parts = _NUMBER.split(name)
    return _joined(parts[: _skeleton(tuple(parts[::2])).block + 1])


def stage_of(name: str) -> int | None:
    """Return the number of the stage that a block belongs to; None where there are no stages."""
    parts = _NUMBER.split(name)
    stage = _skeleton(tuple(parts[::2])).stage
    return int(parts[stage]) if stage >= 0 else None


def _skeleton(texts: tuple[str, ...]) -> _Skeleton:
    block = stage = expert = -1
    kept: list[int] = []
    outer = ""
    for i, text in enumerate(texts[:-1]):
        number, word = 2 * i + 1, text.rpartition(".")[2]
        staged = (outer, text.removeprefix(".")) in STAGED_BLOCKS and block in (-1, number - 2)
        outer = word
        if staged:
            block, stage = number, number - 2
            kept = [i for i in kept if i != stage]
        elif word in BLOCK_WORDS:
            block = number if block < 0 else block
        elif word in EXPERT_WORDS:
            expert = number if expert < 0 else expert
        else:
            kept.append(number)
    text = "".join(texts)
    named = EXPERT_NAME.search(text) if expert < 0 and "expert_" in text else None
    return _Skeleton(
        kept=tuple(kept),
        block=block,
        stage=stage,
        expert=expert,
        named_expert=int(named[1]) if named else None,
        tower=_tower(texts, block),
        templates={},
    )


def _blanked(parts: list[str], skeleton: _Skeleton) -> str:
    shown = [part if i % 2 == 0 or i in skeleton.kept else "#" for i, part in enumerate(parts)]
    text = _joined(shown)
    return text if skeleton.named_expert is None else EXPERT_NAME.sub(".experts.#.", text)


def _joined(parts: list[str]) -> str:
    """Join the parts of a name that was split at its numbers."""
    return "".join(part if i % 2 == 0 else f".{part}" for i, part in enumerate(parts))


def _tower(texts: tuple[str, ...], block: int) -> str | None:
    """Find the tower of a name.

    Only the path before the block counts, or outside the blocks the path before the module's own
    name: `cls.predictions.decoder` is a head and no decoder. Vision, audio and text outrank encoder
    and decoder, because vision models have encoders too.
    """
    if block >= 0:
        path = "".join(texts[: block // 2 + 1])
    else:
        owner, _, last = "".join(texts).rpartition(".")
        path = owner.rpartition(".")[0] if last in ("weight", "bias") else owner
    half = None
    for component in path.split("."):
        tower = _TOWER_OF.get(component)
        if tower is not None and tower not in _HALVES:
            return tower
        half = half or tower
    return half
