"""Places of parameters: block, tower and expert, from the numbers and words in their names."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache
from itertools import count, islice, zip_longest
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.components.vocabulary import (
    BLOCK_WORDS,
    EXPERT_NAME,
    EXPERT_WORDS,
    STAGED_BLOCKS,
    TOWER_WORDS,
)
from weightgauge.categorical import alike, by_code, first_places
from weightgauge.checkpoint.name_outlines import NameOutlines, name_outlines
from weightgauge.records import taken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

# Nine digits are more than any model needs and keep a hostile name from becoming a huge number.
_NUMBER = re.compile(r"\.([0-9]{1,9})(?=\.)")
_TOWER_OF = {name: tower for tower, names in TOWER_WORDS.items() for name in names.split()}
_HALVES = ("encoder", "decoder")
_NAMED_EXPERT = "expert_"
"""Part of all names that `EXPERT_NAME` finds something in."""
_MOST_PATHS = 256
"""Paths of modules whose tower is kept."""
_HOLE = "#"
"""What stands in templates in place of a number."""


class Places(NamedTuple):
    """Places of parameters, as columns.

    Attributes
    ----------
    names : sequence of str
        Names of the parameters.
    templates : sequence of str
        Names without the numbers of blocks and experts, which all blocks share, each once.
    numbers : ndarray of int64
        The same number for names of one template: its place among the templates. Names without
        numbers stand for themselves as templates, and have numbers behind these.
    blocks : sequence of int or None
        Numbers of their blocks.
    towers : sequence of str or None
        Their towers.
    experts : sequence of int or None
        Numbers of their experts.
    """

    names: Sequence[str]
    templates: Sequence[str]
    numbers: NDArray[np.int64]
    blocks: Sequence[int | None]
    towers: Sequence[str | None]
    experts: Sequence[int | None]

    def templates_of(self, rows: Sequence[int]) -> list[str]:
        """Return the templates of the names in the given places."""
        shared = len(self.templates)
        return [
            self.templates[number] if number < shared else self.names[row]
            for row, number in zip(rows, self.numbers[rows].tolist(), strict=True)
        ]


class _Skeleton(NamedTuple):
    """Common facts about all names that differ only in their numbers.

    Attributes
    ----------
    numbers : int
        How many numbers stand in these names.
    keeps : bool
        Whether some of the numbers belong neither to blocks nor to experts.
    block, stage, expert : int
        Which of the numbers these are; -1 where there is none.
    named_expert : int or None
        Number of the expert where it is part of a word.
    tower : str or None
        The tower.
    template : str or None
        The template of these names; None where each is its own. Where numbers are kept, it is a
        format of all numbers.
    """

    numbers: int
    keeps: bool
    block: int
    stage: int
    expert: int
    named_expert: int | None
    tower: str | None
    template: str | None


def places_of(names: Sequence[str], outlines: NameOutlines | None = None) -> Places:
    """Find the places of all parameters of a checkpoint.

    Parameters
    ----------
    names : sequence of str
        All names at once, because blocks in stages are numbered from stage to stage.
    outlines : NameOutlines, optional
        The names, cut at their numbers, where somebody has done that.

    Returns
    -------
    Places
        In the same order.
    """
    # Large models have tens of thousands of names but few skeletons. Only skeletons are examined
    # closely, and what is left to do for each name is done for all names in a few calls.
    import numpy as np

    cut = name_outlines(names) if outlines is None else outlines
    known, which = _skeletons(names, cut)
    firsts = np.append(0, np.cumsum(cut.counts[cut.of_names], dtype=np.int64))
    blocks = _values_at(cut.numbers, firsts, np.array([each.block for each in known], int)[which])
    experts = _values_at(cut.numbers, firsts, np.array([each.expert for each in known], int)[which])
    if any(each.named_expert is not None for each in known):
        experts = [
            known[place].named_expert if number is None else number
            for place, number in zip(which.tolist(), experts, strict=True)
        ]
    if any(each.stage >= 0 for each in known):
        blocks = _counted_through(names, taken(known, which.tolist()), blocks)
    towers = by_code([each.tower for each in known], which)
    return Places(names, *_templates(known, which, cut.numbers, firsts), blocks, towers, experts)


def _skeletons(
    names: Sequence[str], outlines: NameOutlines
) -> tuple[list[_Skeleton], NDArray[np.intp]]:
    """Return the skeletons of all names, and for each name the place of its own among these.

    Names that are their own templates share one for each tower: a million are not to be kept.
    """
    import numpy as np

    known: list[_Skeleton] = []
    places: list[int] = []
    of_tower: dict[str | None, int] = {}
    firsts = map(names.__getitem__, outlines.first_names.tolist())
    for name, numbers in zip(firsts, outlines.counts.tolist(), strict=True):
        place = len(known)
        if numbers or _HOLE in name or _NAMED_EXPERT in name:
            known.append(_skeleton(_NUMBER.split(name)))
        else:
            tower = _outer_tower(name)
            place = of_tower.setdefault(tower, place)
            if place == len(known):
                known.append(_skeleton([name])._replace(template=None))
        places.append(place)
    return known, np.array(places, np.intp)[outlines.of_names]


def _templates(
    known: Sequence[_Skeleton],
    which: NDArray[np.intp],
    values: NDArray[np.int32],
    firsts: NDArray[np.int64],
) -> tuple[list[str], NDArray[np.int64]]:
    """Return the templates of names, each once, and the number of the template of each name."""
    import numpy as np

    number_of: defaultdict[str, int] = defaultdict(count().__next__)
    of_known = [
        -1 if each.template is None or each.keeps else number_of[each.template] for each in known
    ]
    numbers = np.array(of_known, np.int64)[which]
    keeps = np.array([each.keeps for each in known], bool)[which]
    if keeps.any():
        found = iter(values[np.repeat(keeps, np.diff(firsts))].tolist())
        formats = (
            (each.template or "", each.numbers) for each in taken(known, which[keeps].tolist())
        )
        numbers[keeps] = [number_of[each % tuple(islice(found, size))] for each, size in formats]
    own = numbers < 0
    numbers[own] = len(number_of) + np.arange(np.count_nonzero(own))
    return list(number_of), numbers


def _values_at(
    values: NDArray[np.int32], firsts: NDArray[np.int64], positions: NDArray[np.int64]
) -> Sequence[int | None]:
    """Return one number of each name, by its position among them; None where that is negative."""
    import numpy as np

    there = positions >= 0
    numbers = np.full(len(positions), -1)
    numbers[there] = values[firsts[:-1][there] + positions[there]]
    codes = alike(numbers + 1)
    different = numbers[first_places(codes)].tolist()
    return by_code([None if number < 0 else number for number in different], codes)


def _counted_through(
    names: Sequence[str], skeletons: Sequence[_Skeleton], blocks: Sequence[int | None]
) -> list[int | None]:
    """Continue the numbers of blocks from stage to stage; what lies between is in no block.

    In hierarchical models the numbers of blocks begin anew in every stage.
    """
    depths: dict[tuple[str, ...], dict[int, int]] = {}  # of the stages, by what stands before them
    for name, each in zip(names, skeletons, strict=True):
        if each.stage >= 0:
            parts = _NUMBER.split(name)
            stage, block = _stage_and_block(each, parts)
            stages = depths.setdefault(tuple(parts[: 2 * each.stage + 1]), {})
            stages[stage] = max(stages.get(stage, 0), block + 1)
    starts = {path: _starts(stages) for path, stages in depths.items()}
    counted = list(blocks)
    for row, (name, each) in enumerate(zip(names, skeletons, strict=True)):
        parts = _NUMBER.split(name)
        if each.stage >= 0:
            before = starts[tuple(parts[: 2 * each.stage + 1])]
            stage, block = _stage_and_block(each, parts)
            counted[row] = before[stage] + block if stage < len(before) else None
        elif each.block >= 0 and tuple(parts[: 2 * each.block + 1]) in depths:
            counted[row] = None
    return counted


def _starts(depths: dict[int, int]) -> list[int]:
    """Return how many blocks lie before each stage, as far as no stage is missing."""
    starts: list[int] = []
    before = 0
    while len(starts) in depths:
        starts.append(before)
        before += depths[len(starts) - 1]
    return starts


def _stage_and_block(skeleton: _Skeleton, parts: Sequence[str]) -> tuple[int, int]:
    return int(parts[2 * skeleton.stage + 1]), int(parts[2 * skeleton.block + 1])


def block_path(name: str) -> str:
    """Return the path of the block that a parameter lies in; empty outside the blocks."""
    parts = _NUMBER.split(name)
    at = _marks(parts[::2]).block
    return _joined(parts[::2][: at + 1], parts[1::2][: at + 1])


def stack_path(name: str) -> str:
    """Return what stands before the number of the block; empty outside the blocks."""
    return block_path(name).rpartition(".")[0]


def stage_of(name: str) -> int | None:
    """Return the number of the stage that a block belongs to; None where there are no stages."""
    parts = _NUMBER.split(name)
    stage = _marks(parts[::2]).stage
    return int(parts[2 * stage + 1]) if stage >= 0 else None


class _Marks(NamedTuple):
    """Which of the numbers in a name count blocks, stages and experts, and which belong to it."""

    block: int
    stage: int
    expert: int
    kept: list[int]


def _marks(texts: Sequence[str]) -> _Marks:
    block = stage = expert = -1
    kept: list[int] = []
    outer = ""
    for i, text in enumerate(texts[:-1]):
        word = text.rpartition(".")[2]
        staged = (outer, text.removeprefix(".")) in STAGED_BLOCKS and block in (-1, i - 1)
        outer = word
        if staged:
            block, stage = i, i - 1
            if kept and kept[-1] == stage:
                kept.pop()
        elif word in BLOCK_WORDS:
            block = i if block < 0 else block
        elif word in EXPERT_WORDS:
            expert = i if expert < 0 else expert
        else:
            kept.append(i)
    return _Marks(block, stage, expert, kept)


def _skeleton(parts: Sequence[str]) -> _Skeleton:
    """Return the skeleton of a name that is cut into texts and the numbers between them."""
    texts, numbers = tuple(parts[::2]), parts[1::2]
    block, stage, expert, kept = _marks(texts)
    text = "".join(texts)
    named = EXPERT_NAME.search(text) if expert < 0 and _NAMED_EXPERT in text else None
    named_expert = int(named[1]) if named else None
    return _Skeleton(
        numbers=len(numbers),
        keeps=bool(kept),
        block=block,
        stage=stage,
        expert=expert,
        named_expert=named_expert,
        tower=_tower(texts, block),
        template=_format(texts, numbers, kept, named_expert)
        if kept
        else _template(texts, [_HOLE] * len(numbers), named_expert),
    )


def _template(texts: Sequence[str], numbers: Sequence[str], named_expert: int | None) -> str:
    text = _joined(texts, numbers)
    return text if named_expert is None else EXPERT_NAME.sub(".experts.#.", text)


def _format(
    texts: Sequence[str], numbers: Sequence[str], kept: Sequence[int], named_expert: int | None
) -> str:
    """Return the format that makes templates of all numbers of names, some of which are kept."""
    shown = [f"{_HOLE}%.0s"] * len(numbers)  # takes a number, and shows nothing of it
    for i in kept:
        zeros = len(numbers[i]) - len(str(int(numbers[i])))
        shown[i] = f"{'0' * zeros}%d"
    return _template([text.replace("%", "%%") for text in texts], shown, named_expert)


def _joined(texts: Sequence[str], numbers: Sequence[str]) -> str:
    """Put numbers behind the first texts, as they stand in a name."""
    if not numbers:
        return "".join(texts)
    return "".join(
        text if number is None else f"{text}.{number}"
        for text, number in zip_longest(texts, numbers)
    )


def _tower(texts: tuple[str, ...], block: int) -> str | None:
    """Find the tower of a name.

    Only the path before the block counts, or outside the blocks the path before the module's own
    name: `cls.predictions.decoder` is a head and no decoder. Vision, audio and text outrank encoder
    and decoder, because vision models have encoders too.
    """
    return _tower_of("".join(texts[: block + 1])) if block >= 0 else _outer_tower("".join(texts))


def _outer_tower(name: str) -> str | None:
    owner, _, last = name.rpartition(".")
    return _tower_of(owner.rpartition(".")[0] if last in ("weight", "bias") else owner)


@lru_cache(_MOST_PATHS)
def _tower_of(path: str) -> str | None:
    half = None
    for component in path.split("."):
        tower = _TOWER_OF.get(component)
        if tower is not None and tower not in _HALVES:
            return tower
        half = half or tower
    return half
