"""Layouts of feed-forward tensors: gate and up in one, experts stacked into one.

`gate` is the half that goes through the activation, and `up` the half that the result is multiplied
with, whatever a family calls them.
"""

from __future__ import annotations

from weightgauge.anatomy.layouts.candidate import Candidate
from weightgauge.anatomy.layouts.layout import Field, Layout, NotCut


def gate_then_up(candidate: Candidate) -> Layout:
    """Two halves of the rows, the activated one first."""
    return _halves(candidate, 0, ("gate", "up"))


def up_then_gate(candidate: Candidate) -> Layout:
    """Two halves of the rows, the activated one last."""
    return _halves(candidate, 0, ("up", "gate"))


def unknown_order(candidate: Candidate) -> Layout:
    """Refuse a name whose first half is the gate in some families and `up` in others."""
    raise NotCut(f"families disagree which half is the gate{candidate.without_family()}")


def expert_gate_up(candidate: Candidate) -> Layout:
    """[experts, 2 ffn, hidden], or [experts, hidden, 2 ffn] as in Llama 4.

    The shape of the down projection of the same experts decides.
    """
    _check_experts(candidate, candidate.shape[0])
    down = candidate.beside("down_proj", "fc2", "output_linear", "w2")
    if down is None or len(down) != 3:
        raise NotCut("no down projection beside it tells which dimension is divided")
    _, first, last = candidate.shape
    if (first, last) == (2 * down[2], down[1]):
        return _halves(candidate, 1, ("gate", "up"))
    if (first, last) == (down[2], 2 * down[1]):
        return _halves(candidate, 2, ("gate", "up"))
    raise NotCut(f"its shape does not fit that of the down projection, {list(down)}")


def interleaved_gate_up(candidate: Candidate) -> Layout:
    """[experts, hidden, 2 ffn], or [experts, 2 ffn, hidden] where blocks share scales.

    Even columns (or rows) are the gate, and odd ones are up.
    """
    _check_experts(candidate, candidate.shape[0])
    down = candidate.beside("down_proj")
    axis = 1 if candidate.transposed else 2
    ffn = _half(candidate.shape[axis])
    if down is not None and candidate.shape[3 - axis] != down[axis]:
        raise NotCut(f"its shape does not fit that of the down projection, {list(down)}")
    if down is not None and ffn != down[3 - axis]:
        raise NotCut(f"its shape does not fit that of the down projection, {list(down)}")
    fields = (Field("gate", "gate", 1), Field("up", "up", 1))
    return Layout(candidate.shape, axis, fields, groups=ffn, stacked=True)


def gate_up_of_experts(candidate: Candidate) -> Layout:
    """Distinguish a single gate and up from stacked experts, and the two ways to store those."""
    if len(candidate.shape) == 2:
        return gate_then_up(candidate)
    model_type = candidate.facts.model_type
    if model_type == "gpt_oss":
        return interleaved_gate_up(candidate)
    if candidate.shapes.get(f"{candidate.name}_bias") is None:
        return expert_gate_up(candidate)
    if model_type == "openai_privacy_filter":
        return expert_gate_up(candidate)
    several = "with biases, some families store gate and up in turn and some in halves"
    raise NotCut(several + candidate.without_family())


def stacked_experts(candidate: Candidate) -> Layout:
    """[experts, ...]: one matrix per expert, one after the other."""
    _check_experts(candidate, candidate.shape[0])
    fields = (Field(None, candidate.kind, candidate.shape[1]),)
    return Layout(candidate.shape, 1, fields, stacked=True)


def flattened_experts(candidate: Candidate) -> Layout:
    """[experts * ffn, hidden]: stacked experts whose first two dimensions are merged."""
    router = candidate.beside("router.layer", "router", up=3)
    experts = router[0] if router is not None and len(router) == 2 else candidate.facts.experts
    if experts is None:
        raise NotCut(f"the number of experts is not known{candidate.without_config()}")
    _check_experts(candidate, experts)
    if candidate.shape[0] % experts:
        raise NotCut(f"{experts:,} experts do not divide its {candidate.shape[0]:,} rows")
    shape = (experts, candidate.shape[0] // experts, *candidate.shape[1:])
    return Layout(shape, 1, (Field(None, candidate.kind, shape[1]),), stacked=True)


def _check_experts(candidate: Candidate, experts: int) -> None:
    stated = candidate.facts.experts
    if stated is not None and stated != experts:
        raise NotCut(f"config.json says {stated:,} experts, its shape {experts:,}")


def _halves(candidate: Candidate, axis: int, parts: tuple[str, str]) -> Layout:
    half = _half(candidate.shape[axis])
    fields = tuple(Field(part, part, half) for part in parts)
    return Layout(candidate.shape, axis, fields, stacked=len(candidate.shape) == 3)


def _half(length: int) -> int:
    if length % 2:
        raise NotCut(f"a dimension of {length:,} has no two halves")
    return length // 2
