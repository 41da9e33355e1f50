"""Experts that a block lacks, and matrices that single experts lack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from weightgauge.anatomy.stacks import Stack
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place, enumerated, named
from weightgauge.wording import agreeing, counted

_MOST_EXPERTS = 65_536
"""More than any model has; routers of empty tensors may state any number of rows."""


class _Loss(NamedTuple):
    """The same modules of the same experts."""

    experts: tuple[int, ...]
    modules: tuple[str, ...]


@dataclass(frozen=True)
class _Experts:
    """The experts of a stack that are in lists of one name.

    Attributes
    ----------
    stack : Stack
        The blocks.
    modules : dict of str to dict of int to set of int
        As `Stack.experts`, for the modules of one list.
    routed : dict of int to int
        Among how many experts the router of a block chooses.
    stated : (str, int) or None
        The key of the configuration and the number of experts that it states.
    """

    stack: Stack
    modules: Mapping[str, Mapping[int, set[int]]]
    routed: Mapping[int, int]
    stated: tuple[str, int] | None

    def blocks(self) -> list[int]:
        """Return the blocks that have any of the experts."""
        return sorted(set().union(*(of_block.keys() for of_block in self.modules.values())))

    def there(self, block: int) -> set[int]:
        """Return the experts of which a block has anything."""
        return self._there[block]

    @cached_property
    def _there(self) -> dict[int, set[int]]:
        every = self.modules.values()
        return {
            block: set().union(*(of_block.get(block, ()) for of_block in every))
            for block in self.blocks()
        }

    def number(self, block: int, most: int) -> int:
        """Return how many experts a block should have, of which any block has `most` at most."""
        routed = self.routed.get(block)
        if self.stated is None:
            if routed is None:
                return most
            return routed if self.all_routed else min(most, routed)
        if not self.routed:
            return most  # whether experts are lost or the configuration is wrong nobody can tell
        # Routers may choose among experts that have no weights as well.
        return self.stated[1] if routed is None else min(self.stated[1], routed)

    @cached_property
    def all_routed(self) -> bool:
        """Whether most blocks have every expert among which their router chooses."""
        blocks = self.blocks()
        whole = [
            block for block in blocks if max(self.there(block)) + 1 == self.routed.get(block, 0)
        ]
        return 2 * len(whole) > len(blocks)


def missing_experts(stack: Stack, stated: tuple[str, int] | None) -> Iterator[Finding]:
    """Tell of experts that are not there, in all blocks or in some, as wholes or in part.

    Parameters
    ----------
    stack : Stack
        The blocks.
    stated : (str, int) or None
        The key of the configuration and the number of experts that it states.

    Yields
    ------
    Finding
        One for each set of experts and matrices that is missing, with all blocks that lack it.
    """
    lists: dict[str, dict[str, dict[int, set[int]]]] = {}
    for module, of_block in stack.experts.items():
        lists.setdefault(module.partition("#")[0], {})[module] = of_block
    all_found = [
        _Experts(stack, modules, _routed_to(stack, path), stated) for path, modules in lists.items()
    ]
    for path, found in zip(lists, all_found, strict=True):
        for loss, blocks in _losses(found).items():
            yield _told(found, path, loss, blocks)
    if all_found and stated is None:
        yield from _fewer_than_routed(max(all_found, key=_most))


def _routed_to(stack: Stack, path: str) -> dict[int, int]:
    """Return among how many experts the router chooses that lies beside a list of experts.

    Where no router lies beside it, any of the block may be the one. Of several, the one that
    chooses among most counts.
    """
    beside = path.removesuffix(".").rpartition(".")[0]
    near = [each for module, each in stack.routed.items() if module.startswith(f"{beside}.")]
    routed: dict[int, int] = {}
    for rows in near or stack.routed.values():
        for block, number in rows.items():
            routed[block] = max(number, routed.get(block, 0))
    return routed


def _most(found: _Experts) -> int:
    """Return how many experts a block has where no number is left out."""
    return max(max(found.there(block)) for block in found.blocks()) + 1


def _fewer_than_routed(found: _Experts) -> Iterator[Finding]:
    """Tell of routers that choose among more experts than there are, where nothing states them.

    A few models have experts without weights, so that it is no fault.
    """
    blocks, most = found.blocks(), _most(found)
    numbers = {found.routed.get(block, 0) for block in blocks}
    routed = numbers.pop()
    if numbers or not most < routed <= 2 * most:
        return  # no routers, or numbers of another kind
    one = routed - most == 1
    lost = f"expert{'' if one else 's'} {ranges(range(most, routed))} {'has' if one else 'have'}"
    yield RULES["missing-part"].finding(
        Place(tower=found.stack.tower, expert=most if one else None),
        value=most,
        expected=routed,
        level="warning",
        what=f"{printable(found.stack.path)}: the routers choose among "
        f"{counted(routed, 'expert')}, of which {lost} no weights in any block",
        hint="the last experts were lost, unless they do nothing on purpose",
    )


def _losses(found: _Experts) -> dict[_Loss, list[int]]:
    """Return what is missing, with the blocks in which it is."""
    blocks = found.blocks()
    most = _most(found)
    if most > 2 * max(len(found.there(block)) for block in blocks):
        return {}  # numbers of another kind, or the experts of one device of many
    losses: dict[_Loss, list[int]] = {}
    for block in blocks:
        there = found.there(block)
        gone: dict[tuple[str, ...], list[int]] = {}
        whole = tuple(
            module
            for module, of_block in found.modules.items()
            if 2 * len(of_block.get(block, ())) > len(there)
        )
        wanted = set(range(min(found.number(block, most), _MOST_EXPERTS)))
        short = set().union(*(wanted - found.modules[module][block] for module in whole))
        for expert in sorted(short):
            lacks = tuple(
                module
                for module in whole
                if expert not in found.modules[module][block]
                and not found.stack.stored_otherwise(module, block, expert)
            )
            if lacks:
                gone.setdefault(lacks, []).append(expert)
        for modules, experts in gone.items():
            losses.setdefault(_Loss(tuple(experts), modules), []).append(block)
    return losses


def _told(found: _Experts, path: str, loss: _Loss, blocks: Sequence[int]) -> Finding:
    stack, number = found.stack, len(loss.experts)
    names = [
        stack.name(block, module, expert)
        for block in blocks
        for expert in loss.experts
        for module in loss.modules
    ]
    kinds = {stack.modules[module].kind for module in loss.modules}
    whole = len(loss.modules) == len(found.modules)
    place = Place(
        tensor=names[0] if len(names) == 1 else None,
        kind=kinds.pop() if len(kinds) == 1 else None,
        block=blocks[0] if len(blocks) == 1 else None,
        tower=stack.tower,
        expert=loss.experts[0] if number == 1 else None,
    )
    everywhere = len(blocks) == len(found.blocks()) and len(blocks) > 1
    there = len(found.there(blocks[0])) - (0 if whole else number)
    expected = there + number
    if len(names) == 1:
        others = f"the other {counted(there, 'expert')} of the block"
        what = f"missing; {others} {agreeing(there, 'has', 'have')} it"
    else:
        experts = f"{'expert' if number == 1 else 'experts'} {ranges(loss.experts)}"
        some = f"all {len(blocks):,} blocks" if everywhere else _blocks(blocks)
        part = "" if whole else f"{enumerated([_leaf(each) for each in loss.modules])} of "
        why = ""
        if whole and found.stated is not None and found.stated[1] == expected:
            why = f"; config.json says {found.stated[0]} = {found.stated[1]:,}"
        what = (
            f"{printable(stack.path)}: {part}{experts} of {expected:,} missing in {some} "
            f"({counted(len(names), 'tensor')}: {named(names)}){why}"
        )
    return RULES["missing-part"].finding(place, value=there, expected=expected, what=what)


def _leaf(module: str) -> str:
    return printable(module.partition("#")[2].removeprefix("."))


def _blocks(blocks: Sequence[int]) -> str:
    return f"{'block' if len(blocks) == 1 else 'blocks'} {ranges(blocks)}"


def ranges(numbers: Sequence[int]) -> str:
    """Write ascending numbers shortly.

    Examples
    --------
    >>> ranges([2, 3]), ranges([0, 4, 5, 6, 7, 9])
    ('2 and 3', '0, 4 to 7 and 9')
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    texts: list[str] = []
    for low, high in runs:
        if high > low + 1:
            texts.append(f"{low} to {high}")
        else:
            texts += map(str, range(low, high + 1))
    return enumerated(texts)
