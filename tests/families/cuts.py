"""Layouts of fused tensors, written down as sequences of cuts.

Every fused layout is an order of stretches along one axis: these belong to the query of head 0, the
next to its key, and so on. A cut is one such stretch.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from families.sizes import Size


@dataclass(frozen=True)
class Cut:
    """One stretch of an axis: `length` rows of one kind and, where it has heads, one head."""

    kind: str
    length: int
    head: int | None = None


@dataclass(frozen=True, eq=False)
class Cell:
    """The smallest piece with a sigma of its own: positions of one kind, expert and head."""

    kind: str
    expert: int | None
    head: int | None
    positions: np.ndarray


Cuts = Callable[[Size, int], Sequence[Cut]]
"""Cuts of an axis of a given length."""


def whole(kind: str) -> Cuts:
    """All of one kind, without heads."""
    return lambda size, length: [Cut(kind, length)]


def heads(kind: str, count: str = "heads") -> Cuts:
    """Equal stretches, one for each head."""

    def cuts(size: Size, length: int) -> list[Cut]:
        number = getattr(size, count)
        return [Cut(kind, length // number, head) for head in range(number)]

    return cuts


def of_one_size(kind: str) -> Cuts:
    """As many heads of the usual size as fit, which are more in later stages of an image model."""

    def cuts(size: Size, length: int) -> list[Cut]:
        return [Cut(kind, size.head_dim, head) for head in range(length // size.head_dim)]

    return cuts


def one_head(kind: str) -> Cuts:
    """A single head."""
    return lambda size, length: [Cut(kind, length, 0)]


def in_turn(*kinds: str) -> Cuts:
    """For each head, its stretch of each of the kinds."""

    def cuts(size: Size, length: int) -> list[Cut]:
        each = length // (size.heads * len(kinds))
        return [Cut(kind, each, head) for head in range(size.heads) for kind in kinds]

    return cuts


def one_after_another(**head_counts: str) -> Cuts:
    """All heads of the first kind, then all of the next; values are names of fields of `Size`."""

    def cuts(size: Size, length: int) -> list[Cut]:
        numbers = {kind: getattr(size, count) for kind, count in head_counts.items()}
        each = length // sum(numbers.values())
        return [Cut(kind, each, head) for kind, number in numbers.items() for head in range(number)]

    return cuts


THIRDS = one_after_another(q="heads", k="heads", v="heads")


def multi_query(size: Size, length: int) -> list[Cut]:
    """All heads of the query, one of the key, one of the value."""
    each = length // (size.heads + 2)
    query = [Cut("q", each, head) for head in range(size.heads)]
    return [*query, Cut("k", each, 0), Cut("v", each, 0)]


def grouped(size: Size, length: int) -> list[Cut]:
    """For each key head: its query heads, itself, its value."""
    each = length // (size.heads + 2 * size.kv_heads)
    share = size.heads // size.kv_heads
    cuts = []
    for group in range(size.kv_heads):
        cuts += [Cut("q", each, group * share + i) for i in range(share)]
        cuts += [Cut("k", each, group), Cut("v", each, group)]
    return cuts


def four_blocks(size: Size, length: int) -> list[Cut]:
    """CodeGen: four blocks of a quarter of the heads, each with query, value, key in order."""
    each = length // (3 * size.heads)
    share = size.heads // 4
    return [
        Cut(kind, each, block * share + i)
        for block in range(4)
        for kind in "qvk"
        for i in range(share)
    ]


def linear_attention(size: Size, length: int) -> list[Cut]:
    """Qwen3-Next: for each of two key heads query, key, two value heads and their two gates."""
    key, value = size.head_dim, size.head_dim + 2
    cuts = []
    for head in range(2):
        cuts += [Cut("q", key, head), Cut("k", key, head)]
        cuts += [Cut(kind, value, 2 * head + i) for kind in ("v", "z") for i in range(2)]
    return cuts


def latent_key_value(size: Size, length: int) -> list[Cut]:
    """DeepSeek's kv_b_proj: for each head its key without position, then its value."""
    key, value = size.head_dim, size.head_dim + 2
    return [
        cut for head in range(size.heads) for cut in (Cut("k", key, head), Cut("v", value, head))
    ]


def latent_and_rope(size: Size, length: int) -> list[Cut]:
    """DeepSeek's kv_a_proj_with_mqa: the latent of keys and values, then the rotary key."""
    return [Cut("kv_latent", size.hidden // 2), Cut("k_rope", size.head_dim - 2)]


def halves(first: str, second: str) -> Cuts:
    """Two kinds, one after the other."""
    return lambda size, length: [Cut(first, length // 2), Cut(second, length // 2)]


def alternating(first: str, second: str) -> Cuts:
    """Two kinds, row by row."""
    return lambda size, length: [
        Cut(kind, 1) for _ in range(length // 2) for kind in (first, second)
    ]


@dataclass(frozen=True)
class Layout:
    """What a stored tensor holds.

    Attributes
    ----------
    kind : str
        Kind of the whole tensor.
    cuts : callable
        How `axis` is shared out.
    axis : int
        The axis that is cut, counted without the axis of experts.
    experts : str
        "stacked": experts are the first axis of three. "flat": they lie under each other on the
        first of two.
    proof : str
        How the proof differs from that of the kind.
    reason : str
        Why the tensor has no kind.
    """

    kind: str
    cuts: Cuts
    axis: int = 0
    experts: str = ""
    proof: str = ""
    reason: str = ""

    def cells(self, shape: tuple[int, ...], size: Size) -> list[Cell]:
        """Share out the positions of a tensor of this shape."""
        positions = np.arange(int(np.prod(shape))).reshape(shape)
        if not self.experts:
            return _share_out(positions, self, size, None)
        if self.experts == "flat":
            positions = positions.reshape(size.experts, -1, *shape[1:])
        assert len(positions) == size.experts, shape
        return [
            cell
            for expert, own in enumerate(positions)
            for cell in _share_out(own, self, size, expert)
        ]


def _share_out(positions: np.ndarray, layout: Layout, size: Size, expert: int | None) -> list[Cell]:
    length = positions.shape[layout.axis]
    cuts = layout.cuts(size, length)
    assert sum(cut.length for cut in cuts) == length, (layout.kind, positions.shape)
    pieces: dict[tuple[str, int | None], list[np.ndarray]] = {}
    begin = 0
    for cut in cuts:
        piece = positions.take(range(begin, begin + cut.length), axis=layout.axis)
        pieces.setdefault((cut.kind, cut.head), []).append(piece.ravel())
        begin += cut.length
    return [
        Cell(kind, expert, head, np.concatenate(parts)) for (kind, head), parts in pieces.items()
    ]
