"""Evidence about attention, blocks and experts, from shapes and names of a tower's tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from weightgauge.anatomy.components import Component, Components, TensorLike, first_rows
from weightgauge.anatomy.components.places import block_path
from weightgauge.anatomy.components.tensor_facts import TensorFacts
from weightgauge.categorical import alike, first_places, numbers_of, rows_by_value
from weightgauge.records import taken

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Seen = dict[int, str]
"""Values that occur, each with the name of one tensor that shows it."""

_SHAPED = frozenset(("q", "k", "v", "kv", "qkv", "o", "q_a", "q_b", "kv_a", "kv_b", "ssm"))
_STACKED = frozenset(("gate", "up", "gate_up", "down", "ffn_in", "ffn_out"))
# Norms of queries and keys, without those of MLA's latents, which are called q_a and kv_a.
_QK_NORM = re.compile(
    r"(?:^|[._])(?:(?P<q>q|query)|k|key)_?(?:norm|layernorm|layer_norm|ln|rms_norm)(?:\.|$)"
    r"|(?:^|\.)norm_(?:added_)?(?:(?P<q2>q)|k)(?:\.|$)"
)
# State space and linear attention layers have heads of another kind.
_OTHER_ATTENTION = re.compile(r"(?:^|\.)(?:linear_attn|mixer|mamba|ssm|indexer)\.")
# Blocks that draft further tokens are not counted as blocks, nor does the configuration count them.
_DRAFT = re.compile(r"(?:^|\.)mtp\.")
_MIXTURE = re.compile(r"expert|moe|router|mixture", re.IGNORECASE)
_DIGIT = re.compile("[0-9]")
_PER_HEAD = re.compile(r"\.(?:sinks|relative_attention_bias\.weight)$")


@dataclass(slots=True)
class Evidence:
    """The evidence from one tower.

    Attributes
    ----------
    shapes : dict
        Shapes that occur for each kind of attention matrix, each with the name of one tensor.
    norms : Seen
        Lengths of the norms of the residual stream.
    query_norms, key_norms : dict
        Shapes of the norms of queries and of keys.
    heads : Seen
        Lengths of tensors that hold one number per head.
    blocks : Seen
        Numbers of the blocks.
    stacks : int
        Number of blocks if several stacks count from zero; 0 if there is one stack.
    expert_numbers, stacked_experts : Seen
        Numbers of the experts that are tensors of their own, and sizes of stacks of experts.
    routed : Seen
        Numbers of experts that routers choose among.
    mixture : bool
        Whether the name of a tensor mentions experts or a router.
    """

    shapes: dict[str, dict[tuple[int, ...], str]] = field(default_factory=dict)
    norms: Seen = field(default_factory=dict)
    query_norms: dict[tuple[int, ...], str] = field(default_factory=dict)
    key_norms: dict[tuple[int, ...], str] = field(default_factory=dict)
    heads: Seen = field(default_factory=dict)
    blocks: Seen = field(default_factory=dict)
    stacks: int = 0
    expert_numbers: Seen = field(default_factory=dict)
    stacked_experts: Seen = field(default_factory=dict)
    routed: Seen = field(default_factory=dict)
    mixture: bool = False

    def of(self, *kinds: str) -> dict[tuple[int, ...], str]:
        """Return the shapes of several kinds together."""
        found: dict[tuple[int, ...], str] = {}
        for kind in kinds:
            for shape, name in self.shapes.get(kind, {}).items():
                found.setdefault(shape, name)
        return found

    @property
    def has_attention(self) -> bool:
        """Whether there is an attention weight of any kind."""
        return any(kind != "ssm" for kind in self.shapes)


def gather(
    tensors: Sequence[TensorLike],
    components: Sequence[Component],
    forms: Sequence[int] | None = None,
) -> dict[str | None, Evidence]:
    """Gather evidence from every tensor of a checkpoint that lies in a block.

    Where no block has a number, as in models whose blocks share their weights, attention weights
    count wherever they lie.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of the checkpoint.
    components : sequence of Component
        Their components, in the same order.
    forms : sequence of int, optional
        Which tensors are of one form: see `weightgauge.anatomy.components.Classified`. Without it
        each tensor is looked at.

    Returns
    -------
    dict
        The evidence for each tower.
    """
    places = Components.of(components)
    found: dict[str | None, Evidence] = {}
    inside = places.in_blocks().nonzero()[0]
    if not len(inside):
        for row, kind in enumerate(places.kinds):
            if kind in _SHAPED:
                _note(found.setdefault(places.towers[row], Evidence()), tensors[row], kind)
        return found
    forms = range(len(tensors)) if forms is None else forms
    for tower, at in rows_by_value(taken(places.towers, inside)):
        rows = inside if len(at) == len(inside) else inside[at]
        found[tower] = _evidence(tensors, places, forms, rows)
    return found


def _evidence(
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
    rows: NDArray[np.intp],
) -> Evidence:
    """Gather the evidence from the tensors in the blocks of one tower, which stand in `rows`."""
    names = TensorFacts.of(tensors).names
    seen = Evidence(blocks=_first_names(places.blocks, names, rows))
    # Experts are most tensors of a large model, and show nothing but their number.
    is_alone = numbers_of(places.experts, lambda expert: expert is None, "bool")[rows]
    alone = rows[is_alone]
    if len(alone) < len(rows):
        seen.mixture = True
        seen.expert_numbers = _first_names(places.experts, names, rows[~is_alone])
    for at in first_rows(taken(forms, alone)):
        row = int(alone[at])
        _note(seen, tensors[row], places.kinds[row])
        seen.mixture = seen.mixture or _MIXTURE.search(names[row]) is not None
    if not _in_one_stack(taken(names, alone), taken(places.blocks, alone)):
        paths = {block_path(name) for name in taken(names, rows)}
        seen.stacks = sum(_DRAFT.search(path) is None for path in paths)
    return seen


def _first_names(
    column: Sequence[int | None], names: Sequence[str], rows: NDArray[np.intp]
) -> Seen:
    """Return the numbers that stand in some rows, each with the first of the names beside it."""
    values = taken(column, rows)
    firsts = first_places(alike(values))
    numbers = zip(taken(values, firsts), taken(names, rows[firsts]), strict=True)
    return {number: name for number, name in numbers if number is not None}


def _note(tower: Evidence, tensor: TensorLike, kind: str) -> None:
    name, shape = tensor.name, tensor.shape
    if kind in _SHAPED:
        # Packed integers do not have the shape of their matrix.
        known = tower.shapes.setdefault(kind, {})
        fits = len(shape) == 2 and tensor.dtype.startswith(("F", "BF"))
        if fits and shape not in known and not _OTHER_ATTENTION.search(name):
            known[shape] = name
    elif kind == "norm":
        if shape and not _OTHER_ATTENTION.search(name):
            _note_norm(tower, name, shape)
    elif kind == "router" and len(shape) == 2:
        tower.routed.setdefault(shape[0], name)
    elif kind in _STACKED and len(shape) == 3:
        tower.stacked_experts.setdefault(shape[0], name)
    elif kind == "other" and _PER_HEAD.search(name):
        tower.heads.setdefault(shape[-1] if shape else 0, name)


def _note_norm(tower: Evidence, name: str, shape: tuple[int, ...]) -> None:
    path = name.rpartition(".")[0]
    found = _QK_NORM.search(path)
    if found is None:
        if len(shape) == 1 and "attn" not in path.rpartition(".")[0].rpartition(".")[2]:
            tower.norms.setdefault(shape[0], name)
    elif found["q"] or found["q2"]:
        tower.query_norms.setdefault(shape, name)
    else:
        tower.key_norms.setdefault(shape, name)


def _in_one_stack(names: Sequence[str], blocks: Sequence[int | None]) -> bool:
    """Whether what stands before the number of a block is the same in all names of each block."""
    if not names:
        return True
    # In nearly all models it is the same in all names. Without a digit it has no number in it that
    # could be taken for that of the block.
    prefix = _before(names[0], blocks[0])
    starts = {block: f"{prefix}.{block}." for block in dict.fromkeys(blocks)}
    if _DIGIT.search(prefix) is None and all(
        map(str.startswith, names, map(starts.__getitem__, blocks))
    ):
        return True
    first: dict[int | None, str] = {}
    return all(
        first.setdefault(block, before) == before
        for block, before in zip(blocks, map(_before, names, blocks), strict=True)
    )


def _before(name: str, block: int | None) -> str:
    return name.partition(f".{block}.")[0]
