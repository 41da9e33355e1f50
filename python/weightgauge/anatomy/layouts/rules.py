"""The layouts of fused tensors in each family, as one table, to which new families are added."""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from functools import cached_property

from weightgauge.anatomy.components.names import ends_with, leaf, stem
from weightgauge.anatomy.layouts import attention, ffn, latent, single
from weightgauge.anatomy.layouts.candidate import Candidate
from weightgauge.anatomy.layouts.layout import Layout, NotCut

Tell = Callable[[Candidate], Layout]


@dataclass(frozen=True)
class Rule:
    """Layout of the tensors with certain names in certain families.

    Attributes
    ----------
    names : str
        Last components of the module paths, written as in `weightgauge.anatomy.components.table`.
    layout : callable
        Takes the candidate and returns its layout. Raises `NotCut` with a reason, or LookupError
        where the rule does not apply to this tensor.
    model_types : str
        Families, as `config.json` names them. Empty for all families and for checkpoints without a
        configuration.
    ranks : tuple of int
        Numbers of dimensions that such a tensor may have.
    possible : callable or None
        Whether the rule can apply to a tensor of that shape, given the numbers of columns of the
        matrices of its checkpoint. It spares most tensors a look at their neighbours.
    """

    names: str
    layout: Tell
    model_types: str = ""
    ranks: tuple[int, ...] = (2,)
    possible: Callable[[tuple[int, ...], Container[int]], bool] | None = None

    @cached_property
    def tails(self) -> tuple[str, ...]:
        """The names, one by one."""
        return tuple(self.names.split())

    @cached_property
    def families(self) -> frozenset[str]:
        """The families, one by one."""
        return frozenset(self.model_types.split())

    def is_about(self, path: str, rank: int, model_type: str | None) -> bool:
        """Whether a tensor has one of the rule's names, and its model is of the rule's families."""
        if rank not in self.ranks or (self.families and model_type not in self.families):
            return False
        return any(ends_with(path, tail) for tail in self.tails)


# The first rule that applies to a tensor decides. Tensors of other kinds, and tensors whose names
# are not listed, hold one matrix.
RULES: dict[str, tuple[Rule, ...]] = {
    "qkv": (
        Rule(
            "query_key_value",
            attention.per_head,
            "gpt_neox gpt_neox_japanese bloom persimmon fuyu",
        ),
        Rule("query_key_value", attention.falcon, "falcon RefinedWeb RefinedWebModel"),
        Rule("query_key_value", attention.chatglm, "chatglm"),
        Rule(
            "query_key_value",
            attention.contiguous,
            "bailing_moe bailing_moe_v2 bailing_moe_linear",
        ),
        Rule("c_attn", attention.gpt_bigcode, "gpt_bigcode"),
        Rule("c_attn", attention.thirds, "qwen"),
        Rule("c_attn", attention.c_attn),
        Rule("linear_qkv", attention.grouped),
        Rule("wqkv", attention.grouped, "internlm2 internlm2_vl internlm_xcomposer2"),
        Rule("qkv_proj", attention.codegen, "codegen"),
        Rule("self_attn.qkv_proj", attention.lightning),
        Rule("self_attn.qkv_proj", attention.contiguous),
        Rule(
            "qkv_proj",
            attention.contiguous,
            "phi3 phi3_v phi3small phi4mm phi4_multimodal openelm",
        ),
        Rule("Wqkv att_proj", attention.contiguous),
        Rule("attention.self.in_proj", attention.per_head),
        Rule("@attn.qkv W_pack to_qkv to_added_qkv in_proj_weight", attention.thirds),
        Rule("in_proj_qkvz", latent.qkvz),
        Rule("in_proj_qkv", latent.linear_qkv),
        Rule("query_key_value qkv_proj wqkv", attention.undecided),
    ),
    "kv": (
        Rule("c_attn", attention.conv1d),
        Rule("to_kv kv_proj", attention.keys_then_values),
    ),
    "gate_up": (
        Rule("feed_forward_in.gate_up_proj feed_forward_out.gate_up_proj", ffn.up_then_gate),
        Rule("gate_up_proj", ffn.gate_up_of_experts, ranks=(2, 3)),
        Rule("fc1 input_linear", ffn.expert_gate_up, ranks=(3,)),
        Rule("mlp.weights_in mlp.w12", ffn.gate_then_up),
        Rule("mlp.Wi dense_h_to_4h linear_fc1 input_linear ff.linear_in", ffn.gate_then_up),
        Rule("net.0.proj ff_proj", ffn.up_then_gate),
        Rule("fc1", ffn.gate_then_up, "moshi moshi_depth kyutai_speech_to_text"),
        Rule("fc1", ffn.up_then_gate, "moonshine moonshine_streaming"),
        Rule("fc1", ffn.unknown_order),
    ),
    "kv_a": (Rule("kv_a_proj_with_mqa wkv_a", latent.kv_a),),
    "kv_b": (Rule("kv_b_proj wkv_b", latent.kv_b),),
    "q": (Rule("q_proj", latent.gated_q, possible=latent.may_be_gated),),
    **dict.fromkeys(
        ("gate", "up", "down", "ffn_in", "ffn_out"),
        (
            Rule("experts.mlp.w1 experts.mlp.v1 experts.mlp.w2", ffn.flattened_experts),
            Rule(
                "experts.gate_proj experts.up_proj experts.down_proj experts.w1 experts.w2 "
                "experts.w3 experts.fc1 experts.fc2 output_linear switch_mlp.gate_proj "
                "switch_mlp.up_proj switch_mlp.down_proj switch_mlp.fc1 switch_mlp.fc2",
                ffn.stacked_experts,
                ranks=(3,),
            ),
        ),
    ),
}

HEAD_RULES: dict[str, Tell] = {
    "q": single.queries,
    "q_b": single.queries,
    "k": single.keys_or_values,
    "v": single.keys_or_values,
    "o": single.outputs,
}
"""How single matrices are divided into heads."""

_FUSED = ("qkv", "kv", "gate_up")  # tensors of these kinds are fused under any name
KINDS_WITH_RULES = frozenset((*RULES, *HEAD_RULES, *_FUSED))


def may_be_fused(name: str, kind: str, shape: tuple[int, ...], widths: Container[int]) -> bool:
    """Whether a tensor may hold several matrices, before its neighbours are looked at.

    Parameters
    ----------
    name, kind, shape
        The tensor's.
    widths : container of int
        Numbers of columns of the matrices of its checkpoint.

    Returns
    -------
    bool
    """
    if kind in _FUSED:
        return True
    rules = RULES.get(kind)
    if not rules:
        return False
    last = leaf(stem(name) or name)
    return any(
        len(shape) in rule.ranks
        and any(leaf(tail) == last for tail in rule.tails)
        and (rule.possible is None or rule.possible(shape, widths))
        for rule in rules
    )


def layout_of(candidate: Candidate) -> Layout | None:
    """Find the layout of a tensor that may hold several matrices.

    Parameters
    ----------
    candidate : Candidate
        The tensor.

    Returns
    -------
    Layout or None
        None for a single matrix.

    Raises
    ------
    NotCut
        If it holds several matrices, but their places are not known.
    """
    path, rank = candidate.path, len(candidate.shape)
    for rule in RULES.get(candidate.kind, ()):
        if rule.is_about(path, rank, candidate.facts.model_type):
            try:
                layout = rule.layout(candidate)
            except LookupError:
                continue
            if candidate.inputs_first and (layout.axis == 0 or layout.stacked):
                raise NotCut("fan_in_fan_out turns it round, which its family does not")
            return layout
    if candidate.kind in _FUSED:
        raise NotCut("how a tensor of this name is laid out is not known")
    return None
