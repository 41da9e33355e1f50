"""All that is known about parameter names, as two tables.

`NAMED` lists weights that their own name identifies. `FFN_FAMILIES` lists feed-forward weights,
whose meaning depends on what lies beside them: `up_proj` is half of a gated pair next to
`gate_proj` and a plain input projection without it; `w2` is a down, an up or a gate projection,
depending on the family. A name that is in neither table stays `other`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property

MATRIX_KINDS = (
    "embed",
    *("q", "k", "v", "qkv", "o"),
    *("gate", "up", "gate_up", "down", "ffn_in", "ffn_out"),
    *("router", "head"),
)
"""Kinds of weight matrices, in the order in which data flows through a block."""

KINDS = (*MATRIX_KINDS, "norm", "bias", "other")
"""Every kind there is, in the order of tables."""

# Names are written as the last components of a parameter's path without `.weight`. `@attn` stands
# for one component out of ATTENTION, `@root` for the top of the model.
ATTENTION = frozenset(
    (
        *("attn", "self_attn", "cross_attn", "encoder_attn", "linear_attn", "attn1", "attn2"),
        *("attention", "self_attention", "cross_attention", "crossattention"),
        *("SelfAttention", "EncDecAttention"),
    )
)
ROOT = frozenset(("", "model", "transformer", "language_model"))

NAMED: tuple[tuple[str, str], ...] = (
    # Fused projections come first.
    ("qkv", "query_key_value qkv_proj Wqkv wqkv W_pack linear_qkv in_proj_weight"),
    ("qkv", "to_qkv to_added_qkv in_proj_qkvz @attn.qkv attn.c_attn"),
    ("gate_up", "gate_up_proj mlp.Wi"),
    # Attention.
    ("q", "q_proj query_proj q_lin to_q add_q_proj q_proj_weight attention.wq"),
    ("q", "@attn.query @attn.self.query SelfAttention.q EncDecAttention.q"),
    ("k", "k_proj key_proj k_lin to_k add_k_proj k_proj_weight attention.wk"),
    ("k", "@attn.key @attn.self.key SelfAttention.k EncDecAttention.k"),
    ("v", "v_proj value_proj v_lin to_v add_v_proj v_proj_weight attention.wv"),
    ("v", "@attn.value @attn.self.value SelfAttention.v EncDecAttention.v"),
    ("o", "@attn.o_proj @attn.out_proj @attn.dense @attn.output.dense @attn.c_proj @attn.Wo"),
    ("o", "@attn.linear_proj attention.wo SelfAttention.o EncDecAttention.o"),
    ("o", "out_lin to_out.0 to_add_out"),
    # Routers of experts.
    ("router", "mlp.gate block_sparse_moe.gate mlp.router feed_forward.router"),
    ("router", "router.layer router.classifier shared_expert_gate"),
    # Feed-forward weights that need no neighbour to be told.
    ("gate", "gate_proj wi_0"),
    ("up", "wi_1"),
    ("down", "mlp.Wo"),
    # Both ends.
    ("embed", "embed_tokens wte wpe word_embeddings tok_embeddings embed_in @root.shared"),
    ("embed", "token_embedding position_embedding position_embeddings token_type_embeddings"),
    ("embed", "embed_positions"),
    ("head", "lm_head lm_head.decoder cls.predictions.decoder embed_out vocab_projector"),
)


@dataclass(frozen=True)
class Family:
    """One way in which feed-forward weights are named.

    Attributes
    ----------
    members : str
        `name=kind` of each weight.
    beside : str
        Names that must lie in the same layer; without them the name is enough.
    shape : str
        `twice a b`: rows of a = 2 x columns of b. `turned a b`: b has the shape of a transposed.
        It is enough to see it in one block.
    lone_expert : bool
        The family holds for a weight under `experts.N.` without any of its siblings.
    """

    members: str
    beside: str = ""
    shape: str = ""
    lone_expert: bool = False

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind of each member."""
        return dict(member.split("=") for member in self.members.split())

    @cached_property
    def neighbours(self) -> tuple[str, ...]:
        """Names of `beside`."""
        return tuple(self.beside.split())

    @cached_property
    def relation(self) -> tuple[str, str, str]:
        """Relation of `shape` and the two members it is about; three empty strings for none."""
        name, first, second = self.shape.split() if self.shape else ("", "", "")
        return name, first, second


# The first family that fits decides.
FFN_FAMILIES = (
    Family("up_proj=up down_proj=down", "gate_proj"),
    Family("down_proj=down", "gate_up_proj"),
    Family("up_proj=ffn_in down_proj=ffn_out"),
    Family("wo=down", "wi_0"),
    Family("wo=down", "wi_1"),
    Family("wi=ffn_in wo=ffn_out", "wi"),
    Family("w1=gate v1=up w2=down", "w1 v1"),
    Family("w1=up w2=gate c_proj=down", "w1 w2 c_proj"),
    Family("w1=gate w2=up w3=down", "w1 w2 w3", shape="turned w1 w3"),
    Family("w1=gate w3=up w2=down", "w1 w3"),
    Family("w1=ffn_in w2=ffn_out", "w1 w2", shape="turned w1 w2"),
    Family("w1=gate w3=up w2=down", lone_expert=True),
    Family("fc1_g=gate fc1_x=up fc2=down", "fc1_g fc1_x"),
    Family("fc11=up fc12=gate fc2=down", "fc11 fc12"),
    Family("fc0=ffn_in fc1=ffn_out", "fc0 fc1"),
    Family("fc1=gate_up fc2=down", shape="twice fc1 fc2"),
    Family("fc1=ffn_in fc2=ffn_out"),
    Family("fc_in=ffn_in fc_out=ffn_out"),
    Family("mlp.c_fc=ffn_in mlp.c_proj=ffn_out"),
    Family("lin1=ffn_in lin2=ffn_out"),
    Family(
        "dense_h_to_4h=gate_up dense_4h_to_h=down",
        shape="twice dense_h_to_4h dense_4h_to_h",
    ),
    Family("dense_h_to_4h=ffn_in dense_4h_to_h=ffn_out"),
    Family("linear_fc1=gate_up linear_fc2=down", shape="twice linear_fc1 linear_fc2"),
    Family("linear_fc1=ffn_in linear_fc2=ffn_out", "linear_fc1 linear_fc2"),
    Family("ff.net.0.proj=gate_up ff.net.2=down", shape="twice ff.net.0.proj ff.net.2"),
    Family("ff.net.0.proj=ffn_in ff.net.2=ffn_out"),
    Family(
        "ff_context.net.0.proj=gate_up ff_context.net.2=down",
        shape="twice ff_context.net.0.proj ff_context.net.2",
    ),
    Family("ff_context.net.0.proj=ffn_in ff_context.net.2=ffn_out"),
    Family("intermediate.dense=ffn_in output.dense=ffn_out"),
    Family("intermediate_dense=ffn_in output_dense=ffn_out", "intermediate_dense output_dense"),
    Family("ffn=ffn_in ffn_output=ffn_out", "ffn ffn_output"),
    Family("linear1=ffn_in linear2=ffn_out", "linear1 linear2 self_attn.out_proj"),
)

# `attn.proj` says nothing alone, but is the output projection beside a fused `attn.qkv`.
O_BESIDE_QKV = ("attn.proj", "attn.qkv")
# A head of these names is one only if it has the shape of an embedding table.
HEAD_LIKE_EMBED = frozenset(["proj_out", "output", "output_layer", "decoder"])

_BLOCK_WORDS = r"(?:layers?|h|blocks?|transformer_blocks|single_transformer_blocks|resblocks)"
# Nine digits are more than any model needs and keep a hostile name from becoming a huge number.
BLOCK = re.compile(rf"(?:^|\.){_BLOCK_WORDS}\.([0-9]{{1,9}})\.")
EXPERT = re.compile(r"(?:^|\.)(?:local_)?experts\.(?:expert_)?([0-9]{1,9})\.")
EXPERT_TEMPLATE = re.compile(r"(?:^|\.)(?:local_)?experts\.(?:expert_)?#$")
NUMBERED = re.compile(
    rf"((?:^|\.)(?:{_BLOCK_WORDS}|(?:local_)?experts)\.(?:expert_)?)[0-9]+(?=\.|$)"
)

TOWERS = {
    "vision": "vision_model vision_tower vision_encoder vision image_encoder visual",
    "text": "text_model text_tower text_encoder text_decoder language_model",
    "audio": "audio_model audio_tower audio_encoder",
    "encoder": "encoder",
    "decoder": "decoder",
}

NORM = re.compile(r"norm|^ln(?:_|[0-9]|$)|_ln$", re.IGNORECASE)
NORM_WEIGHT = frozenset(["weight", "gamma", "scale"])
BIAS = re.compile(r"(?:^|_)bias$|^bias_[a-z0-9_]+$|^beta$|^b_(?:[QKVOU]|in|out)$")
