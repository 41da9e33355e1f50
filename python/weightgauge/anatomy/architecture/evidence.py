"""Evidence about attention, blocks and experts, from shapes and names of a tower's tensors."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from weightgauge.anatomy.components import Component, TensorLike
from weightgauge.anatomy.components.places import block_path

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
    tensors: Sequence[TensorLike], components: Sequence[Component]
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

    Returns
    -------
    dict
        The evidence for each tower.
    """
    found: dict[str | None, Evidence] = {}
    numbered = any(place.block is not None for place in components)
    for tensor, place in zip(tensors, components, strict=True):
        if place.block is None:
            if not numbered and place.kind in _SHAPED:
                _note(found.setdefault(place.tower, Evidence()), tensor, place.kind)
            continue
        tower = found.get(place.tower)
        if tower is None:
            tower = found[place.tower] = Evidence()
        if place.expert is not None:
            # Experts are most tensors of a large model, and show nothing but their number.
            tower.mixture = True
            tower.expert_numbers.setdefault(place.expert, tensor.name)
            tower.blocks.setdefault(place.block, tensor.name)
            continue
        tower.blocks.setdefault(place.block, tensor.name)
        _note(tower, tensor, place.kind)
        tower.mixture = tower.mixture or _MIXTURE.search(tensor.name) is not None
    _count_stacks(found, tensors, components)
    return found


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


def _count_stacks(
    found: dict[str | None, Evidence],
    tensors: Sequence[TensorLike],
    components: Sequence[Component],
) -> None:
    """Count the blocks of towers in which several stacks number their blocks from zero."""
    first: dict[tuple[str | None, int], str] = {}
    mixed = set()
    for tensor, place in zip(tensors, components, strict=True):
        if place.block is None or place.expert is not None or place.tower in mixed:
            continue
        before = tensor.name.partition(f".{place.block}.")[0]
        if first.setdefault((place.tower, place.block), before) != before:
            mixed.add(place.tower)
    for tower in mixed:
        paths = {
            block_path(tensor.name)
            for tensor, place in zip(tensors, components, strict=True)
            if place.tower == tower and place.block is not None
        }
        found[tower].stacks = sum(_DRAFT.search(path) is None for path in paths)
