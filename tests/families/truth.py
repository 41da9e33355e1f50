"""The true content of one stored tensor, by the rules of its family."""

from __future__ import annotations

import re
from dataclasses import dataclass

from families.cuts import Cell, Layout
from families.rules import RULES, Rules
from families.sizes import Size

_EXPERT = re.compile(r"(?<=\.experts\.)(?:expert_)?([0-9]+)(?=\.)")


@dataclass(frozen=True, eq=False)
class Truth:
    """What one stored matrix is and how it is shared out."""

    tensor: str
    kind: str
    block: int | None
    expert: int | None
    shape: tuple[int, ...]
    layout: Layout
    cells: tuple[Cell, ...]

    @property
    def has_parts(self) -> bool:
        """Whether there are several kinds or several experts in it."""
        return len({(cell.kind, cell.expert) for cell in self.cells}) > 1


def expert_of(name: str) -> int | None:
    """Number of the expert in a stored name."""
    found = _EXPERT.search(name)
    return int(found[1]) if found else None


def layout_of(family: str, name: str) -> Layout:
    """The rule for a stored name; every matrix must have one."""
    path = _EXPERT.sub("@", name).removesuffix(".weight")
    words = [word for word in path.split(".") if not word.isdecimal()]
    rules: Rules = RULES[family]
    for first in range(len(words)):
        layout = rules.get(".".join(words[first:]))
        if layout is not None:
            return layout
    raise LookupError(f"no rule of {family} says what {name} is")


def truth_of(
    family: str, size: Size, name: str, shape: tuple[int, ...], block: int | None
) -> Truth:
    """Say what a stored matrix is."""
    layout = layout_of(family, name)
    expert = expert_of(name)
    cells = layout.cells(shape, size)
    if expert is not None:
        cells = [Cell(cell.kind, expert, cell.head, cell.positions) for cell in cells]
    return Truth(name, layout.kind, block, expert, shape, layout, tuple(cells))
