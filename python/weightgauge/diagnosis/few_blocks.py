"""Scales that stand out in models of so few blocks that kinds have no outliers, or hardly any."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING

from weightgauge.diagnosis.outliers import FEWEST
from weightgauge.findings import RULES, Finding, Place, Rule, enumerated
from weightgauge.fits.sibling_findings import PARTNERS

if TYPE_CHECKING:
    from weightgauge.diagnosis.slice_group import SliceGroup
    from weightgauge.fits.slice_fit import SliceFit

_MOST_BLOCKS = 7
"""With more blocks each kind tells of a factor of two by itself, whatever its trend over depth."""

_ON_LINE = 0.25
"""The others make a line where they are off it by less than this part of what they are off their
median: two blocks of another scale make none."""

_FEWEST_KINDS = 4
"""With fewer kinds nobody can tell the scale of a block from that of a matrix."""

_LEAST_OF_MATRIX = 4.0
"""Factor from which on a single matrix stands out. In models of three to six blocks that are known
to be sound, values and outputs differ by up to 2.2 from those of the blocks beside them."""

_LEAST_OF_PAIR = 8.0
"""Factor from which on gate and up, or q and k, stand apart. Medians of published models have 1.3
and 1.6 at most."""

_SURE = 5.0
"""Standard errors of a block's scale that it must differ by, whatever its kinds scatter."""

_MAD_TO_SD = 1.482602218505602
_MEDIAN_TO_MEAN = 1.2533141373155003
"""By how much the error of a median of normal numbers is larger than that of their mean."""


@dataclass(frozen=True, slots=True)
class _Stack:
    """Matrices of one tower, of which each block has one of each kind, and of one shape.

    Attributes
    ----------
    tower : str or None
        The tower.
    blocks : tuple of int
        Its blocks.
    kinds : tuple of str
        Kinds, with the part of a fused tensor.
    offs : dict of (int, str) to float
        By how much ln lambda of a matrix is above that of the same kind in the other blocks.
    slices : dict of (int, str) to SliceFit
        The matrices.
    """

    tower: str | None
    blocks: tuple[int, ...]
    kinds: tuple[str, ...]
    offs: Mapping[tuple[int, str], float]
    slices: Mapping[tuple[int, str], SliceFit]

    def of_block(self, block: int) -> list[float]:
        """Return by how much the matrices of a block are off."""
        return [self.offs[block, kind] for kind in self.kinds]


def few_block_findings(
    groups: Sequence[SliceGroup],
    spoilt: frozenset[Place],
    rules: Mapping[str, Rule] = RULES,
) -> Iterator[Finding]:
    """Tell of blocks of another scale, where there are up to seven, and of matrices, up to four.

    Parameters
    ----------
    groups : sequence of SliceGroup
        Matrices by kind and tower.
    spoilt : frozenset of Place
        Slices with a fault, whose scale says nothing.
    rules : mapping of str to Rule
        The rules by their ids, whose thresholds decide.
    """
    rule = rules["block-scale"]
    yield from _pairs(groups, spoilt, rule)
    for stack in _stacks(groups, spoilt):
        shifts = {block: median(stack.of_block(block)) for block in stack.blocks}
        block = max(shifts, key=lambda each: abs(shifts[each]))
        least = rule.threshold or math.inf
        beyond = [
            each for each in stack.blocks if abs(shifts[each]) > _block_limit(stack, each, least)
        ]
        if block in beyond:
            yield _block_told(rule, stack, block, shifts, beyond)
            continue  # what the others differ by follows from it
        if len(stack.blocks) >= FEWEST:
            continue  # matrices that stand out alone are outliers of their kind
        # Of two blocks either may be the one that is off: the one with the larger matrix is named.
        told: set[str] = set()
        for (place, kind), off in sorted(
            stack.offs.items(), key=lambda each: (-abs(each[1]), -each[1])
        ):
            rest = off - shifts[place]
            apart = abs(rest) > math.log(_LEAST_OF_MATRIX)
            if apart and not (kind in told and len(stack.blocks) < 4):
                told.add(kind)
                yield _matrix_told(rule, stack.slices[place, kind], rest)


_Tower = dict[str, dict[int, "SliceFit"]]
"""The matrices of each kind by block."""


def _few_blocks(
    groups: Sequence[SliceGroup], spoilt: frozenset[Place]
) -> Iterator[tuple[str | None, list[int], _Tower]]:
    """Yield towers of few blocks, with the kinds of which each block has one matrix."""
    towers: dict[str | None, _Tower] = {}
    for group in groups:
        members = group.members  # the scale of a grid is that of its weights, within a third
        blocks = {item.block: item for item in members if item.block is not None}
        alike = len({item.shape for item in members}) == 1
        sound = not any(item.place in spoilt for item in members)
        if len(blocks) == len(members) and alike and sound and not group.updates:
            towers.setdefault(group.tower, {})[group.kind] = blocks
    for tower, kinds in towers.items():
        blocks_of_tower = sorted(set().union(*kinds.values()))
        if 0 < len(blocks_of_tower) <= _MOST_BLOCKS:
            yield tower, blocks_of_tower, kinds


def _pairs(groups: Sequence[SliceGroup], spoilt: frozenset[Place], rule: Rule) -> Iterator[Finding]:
    """Tell of kinds that are far from their partner in most blocks."""
    for tower, blocks, kinds in _few_blocks(groups, spoilt):
        for one, other in PARTNERS if len(blocks) < FEWEST else ():
            both = kinds.get(one, {}).keys() & kinds.get(other, {}).keys()
            if not both:
                continue
            apart = median(
                math.log(kinds[one][block].lam / kinds[other][block].lam) for block in both
            )
            if math.log(_LEAST_OF_PAIR) < abs(apart):
                large, small = (one, other) if apart > 0 else (other, one)
                yield rule.finding(
                    Place(kind=large, tower=tower),
                    value=math.exp(abs(apart)),
                    expected=1.0,
                    what=f"{large} is {math.exp(abs(apart)):.2g} times as large as {small}; in "
                    "sound models the two are of about one size",
                )


def _stacks(groups: Sequence[SliceGroup], spoilt: frozenset[Place]) -> Iterator[_Stack]:
    for tower, blocks, kinds in _few_blocks(groups, spoilt):
        whole = {kind: members for kind, members in kinds.items() if len(members) == len(blocks)}
        if len(whole) < _FEWEST_KINDS or len(blocks) < 2:
            continue
        slices = {
            (block, kind): members[block] for kind, members in whole.items() for block in blocks
        }
        scales = {place: math.log(item.lam) for place, item in slices.items()}
        offs = {
            (block, kind): scale
            - _expected(block, {each: scales[each, kind] for each in blocks if each != block})
            for (block, kind), scale in scales.items()
        }
        yield _Stack(tower, tuple(blocks), tuple(whole), offs, slices)


def _expected(block: int, others: Mapping[int, float]) -> float:
    """Return what a block should have by the others: on their line, where they make one."""
    if len(others) < FEWEST - 1:
        return median(others.values())
    middle = median(others.values())
    slope = median((b - a) / (j - i) for (i, a), (j, b) in combinations(others.items(), 2))
    there = [value + slope * (block - each) for each, value in others.items()]
    expected = median(there)
    off_line = max(abs(each - expected) for each in there)
    off_middle = max(abs(value - middle) for value in others.values())
    return expected if off_line < _ON_LINE * off_middle else middle


def _block_limit(stack: _Stack, block: int, least: float) -> float:
    """Return ln of the factor by which a block must differ, given how its kinds scatter."""
    offs = stack.of_block(block)
    middle = median(offs)
    spread = _MAD_TO_SD * median(abs(off - middle) for off in offs)
    return max(math.log(least), _SURE * _MEDIAN_TO_MEAN * spread / math.sqrt(len(offs)))


def _block_told(
    rule: Rule, stack: _Stack, block: int, shifts: Mapping[int, float], off: Sequence[int]
) -> Finding:
    shift = shifts[block]
    factor = math.exp(abs(shift))
    several = len(stack.blocks) > 2
    beside = "the other blocks" if several else f"block {sum(stack.blocks) - block}"
    doubt = "" if several else "; which of the two is off cannot be told"
    alike = [each for each in off if shifts[each] * shift > 0]
    if several and len(alike) > 1:
        others = [str(each) for each in stack.blocks if each not in alike]
        return rule.finding(
            Place(block=block, tower=stack.tower),
            value=factor if shift > 0 else 1 / factor,
            expected=1.0,
            what=f"blocks {enumerated([str(each) for each in alike])}: their matrices are "
            f"{factor:.2g} times as {'large' if shift > 0 else 'small'} as those of "
            f"{enumerated(others)}; which of them are off cannot be told",
        )
    return rule.finding(
        Place(block=block, tower=stack.tower),
        value=factor if shift > 0 else 1 / factor,
        expected=1.0,
        what=f"block {block}: its matrices are {factor:.2g} times as "
        f"{'large' if shift > 0 else 'small'} as those of {beside}{doubt}",
    )


def _matrix_told(rule: Rule, item: SliceFit, rest: float) -> Finding:
    factor = math.exp(abs(rest))
    return rule.finding(
        item.place,
        value=factor if rest > 0 else 1 / factor,
        expected=1.0,
        what=f"{factor:.2g} times as {'large' if rest > 0 else 'small'} as in the other blocks, "
        "which the other matrices of its block are not",
    )
