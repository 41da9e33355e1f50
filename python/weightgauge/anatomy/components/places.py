"""Places of parameters: block, tower and expert, from the numbers and words in their names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from weightgauge.anatomy.components.vocabulary import (
    BLOCK_WORDS,
    EXPERT_NAME,
    EXPERT_WORDS,
    STAGED_BLOCKS,
    TOWER_WORDS,
)
from weightgauge.categorical import alike, by_code, first_places
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
_NAMES_TOGETHER = 10_000
"""Names that are cut at once: enough for the cost of a call, and few enough to take no room."""


# What stands between two names, and in place of a number, where many names are cut at once. Names
# that hold these characters get halves of surrogate pairs for them, which no name holds.
_END, _CUT = "\n", "\0"
_STAND_INS = {ord(_END): "\ud80a", ord(_CUT): "\ud800"}


class Places(NamedTuple):
    """Places of parameters, as columns.

    Attributes
    ----------
    templates : sequence of str
        Names without the numbers of blocks and experts, which all blocks share.
    numbers : ndarray of int64
        The same number for names of one template.
    blocks : sequence of int or None
        Numbers of their blocks.
    towers : sequence of str or None
        Their towers.
    experts : sequence of int or None
        Numbers of their experts.
    """

    templates: Sequence[str]
    numbers: NDArray[np.int64]
    blocks: Sequence[int | None]
    towers: Sequence[str | None]
    experts: Sequence[int | None]


class _Skeleton(NamedTuple):
    """Common facts about all names that differ only in their numbers.

    Attributes
    ----------
    texts : tuple of str
        What stands before, between and behind the numbers.
    kept : frozenset of int
        Which of the numbers belong neither to blocks nor to experts.
    block, stage, expert : int
        Which of the numbers these are; -1 where there is none.
    named_expert : int or None
        Number of the expert where it is part of a word.
    tower : str or None
        The tower.
    template : str
        The template of names that keep no number.
    """

    texts: tuple[str, ...]
    kept: frozenset[int]
    block: int
    stage: int
    expert: int
    named_expert: int | None
    tower: str | None
    template: str


class _Skeletons(dict[str, int]):
    """Places of skeletons in a list, by outline; see `_outlines`.

    Attributes
    ----------
    known : list of _Skeleton
        The skeletons. Names that no other name can have as its template share one for each
        tower, without a template.
    of_tower : dict
        Places of those by tower: a million such names are not to be kept here.
    """

    def __init__(self) -> None:
        self.known: list[_Skeleton] = []
        self.of_tower: dict[str | None, int] = {}

    def __missing__(self, outline: str) -> int:
        place = len(self.known)
        if _CUT in outline or _HOLE in outline or _NAMED_EXPERT in outline:
            self[outline] = place
            self.known.append(_skeleton(tuple(outline.split(_CUT))))
            return place
        tower = _outer_tower(outline)
        if tower not in self.of_tower:
            self.of_tower[tower] = place
            self.known.append(_skeleton((outline,))._replace(texts=("",), template=""))
        return self.of_tower[tower]


def places_of(names: Sequence[str]) -> Places:
    """Find the places of all parameters of a checkpoint.

    Parameters
    ----------
    names : sequence of str
        All names at once, because blocks in stages are numbered from stage to stage.

    Returns
    -------
    Places
        In the same order.
    """
    # Large models have tens of thousands of names but few skeletons. Only skeletons are examined
    # closely, and what is left to do for each name is done for all names in a few calls.
    import numpy as np

    places = _Skeletons()
    which = np.empty(len(names), np.int32)
    found: list[str] = []
    same: dict[str, str] = {}
    for start in range(0, len(names), _NAMES_TOGETHER):
        several = names[start : start + _NAMES_TOGETHER]
        outlines, digits = _outlines(several)
        which[start : start + len(several)] = list(map(places.__getitem__, outlines))
        found += map(same.setdefault, digits, digits)
    known = places.known
    numbers_in = np.array([len(each.texts) - 1 for each in known], np.int64)[which]
    firsts = np.append(0, np.cumsum(numbers_in))
    value_of = {digits: int(digits) for digits in same}
    values = np.fromiter(map(value_of.__getitem__, found), np.int64, len(found))
    blocks = _values_at(values, firsts, np.array([each.block for each in known], int)[which])
    experts = _values_at(values, firsts, np.array([each.expert for each in known], int)[which])
    if any(each.named_expert is not None for each in known):
        experts = [
            known[place].named_expert if number is None else number
            for place, number in zip(which.tolist(), experts, strict=True)
        ]
    if any(each.stage >= 0 for each in known):
        blocks = _counted_through(names, taken(known, which.tolist()), blocks)
    templates = [known[place].template for place in which.tolist()]
    is_kept = np.array([bool(each.kept) for each in known], bool)[which]
    for row in is_kept.nonzero()[0].tolist():
        templates[row] = _with_kept(known[which[row]], found[firsts[row] : firsts[row + 1]])
    towers = by_code([each.tower for each in known], which)
    return Places(*_with_own(templates, names), blocks, towers, experts)


def _with_own(
    templates: Sequence[str], names: Sequence[str]
) -> tuple[Sequence[str], NDArray[np.int64]]:
    """Put names in place of templates that are "", and number all, of which those are different."""
    import numpy as np

    numbers = np.array(alike(templates), np.int64)
    if "" not in templates:
        return templates, numbers
    own = numbers == numbers[templates.index("")]
    numbers[own] = len(templates) + np.arange(own.sum())
    return [
        template or _outline(name) for template, name in zip(templates, names, strict=True)
    ], numbers


def _values_at(
    values: NDArray[np.int64], firsts: NDArray[np.int64], positions: NDArray[np.int64]
) -> Sequence[int | None]:
    """Return one number of each name, by its position among them; None where that is negative."""
    import numpy as np

    there = positions >= 0
    numbers = np.full(len(positions), -1)
    numbers[there] = values[firsts[:-1][there] + positions[there]]
    codes = alike(numbers + 1)
    different = numbers[first_places(codes)].tolist()
    return by_code([None if number < 0 else number for number in different], codes)


def _outlines(names: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cut all names at their numbers: return what is left of each, and all numbers in a row."""
    if not names:
        return [], []
    text = _END.join(names)
    if text.count(_END) >= len(names) or _CUT in text:
        text = _END.join(map(_outline, names))
    parts = _NUMBER.split(text)
    return _CUT.join(parts[::2]).split(_END), parts[1::2]


def _outline(name: str) -> str:
    """Return the outline of a name without numbers."""
    return name.translate(_STAND_INS) if _END in name or _CUT in name else name


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
    at = _skeleton(tuple(parts[::2])).block
    return _joined(parts[::2][: at + 1], parts[1::2][: at + 1])


def stack_path(name: str) -> str:
    """Return what stands before the number of the block; empty outside the blocks."""
    return block_path(name).rpartition(".")[0]


def stage_of(name: str) -> int | None:
    """Return the number of the stage that a block belongs to; None where there are no stages."""
    parts = _NUMBER.split(name)
    stage = _skeleton(tuple(parts[::2])).stage
    return int(parts[2 * stage + 1]) if stage >= 0 else None


def _skeleton(texts: tuple[str, ...]) -> _Skeleton:
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
    text = "".join(texts)
    named = EXPERT_NAME.search(text) if expert < 0 and _NAMED_EXPERT in text else None
    named_expert = int(named[1]) if named else None
    return _Skeleton(
        texts=texts,
        kept=frozenset(kept),
        block=block,
        stage=stage,
        expert=expert,
        named_expert=named_expert,
        tower=_tower(texts, block),
        template="" if kept else _template(texts, ["#"] * (len(texts) - 1), named_expert),
    )


def _template(texts: Sequence[str], numbers: Sequence[str], named_expert: int | None) -> str:
    text = _joined(texts, numbers)
    return text if named_expert is None else EXPERT_NAME.sub(".experts.#.", text)


def _with_kept(skeleton: _Skeleton, numbers: Sequence[str]) -> str:
    """Return the template of a name whose numbers are not all of blocks and experts."""
    shown = [number if i in skeleton.kept else "#" for i, number in enumerate(numbers)]
    return _template(skeleton.texts, shown, skeleton.named_expert)


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
