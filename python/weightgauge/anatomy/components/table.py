"""All knowledge about parameter names, as two tables.

`NAMED` lists weights that their own name identifies. `FAMILIES` lists weights whose meaning depends
on their neighbours: `up_proj` is half of a gated pair beside `gate_proj`, and a plain input
projection without it; `w2` is a down, an up or a gate projection, depending on the family. A name
that is in neither table is `other`.

A new family of models needs lines here and nothing else, unless its blocks or towers have new
names, which belong in `vocabulary`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

MATRIX_KINDS = (
    "embed",
    *("q_a", "q_b", "q", "kv_a", "kv_b", "k", "v", "kv", "qkv", "o", "ssm"),
    *("router", "gate", "up", "gate_up", "down", "ffn_in", "ffn_out"),
    "head",
    *("lora_a", "lora_b"),
)
"""Kinds of weight matrices, in the order in which data flows through a block."""

READING = frozenset(("q", "k", "v", "qkv", "gate", "up", "gate_up", "ffn_in"))
WRITING = frozenset(("o", "down", "ffn_out"))
"""Kinds of matrices that read the residual stream, and that write to it."""

KINDS = (*MATRIX_KINDS, "norm", "bias", "other")
"""Every kind, in the order of tables."""

# Names are written as the last components of a parameter's path without `.weight`. `@attn` stands
# for the name of any attention module, `@root` for the top of the model.
NAMED: tuple[tuple[str, str], ...] = (
    # Names that mean something else than they usually do: gates of an attention's output or of its
    # compressed keys, projections that choose among keys, queries and outputs that are experts.
    ("other", "@attn.gate_proj output_projection.gate_proj compressor.gate_proj indexer.gate_proj"),
    ("other", "indexer.q_b_proj router_mlp.fc1 router_mlp.fc2"),
    ("other", "self_attention.experts.input_linear self_attention.experts.output_linear"),
    # Low-rank adapters, whatever weight they adapt.
    ("lora_a", "lora_A lora_a lora_down lora.down lora_embedding_A"),
    ("lora_b", "lora_B lora_b lora_up lora.up lora_embedding_B"),
    # Fused projections.
    ("qkv", "query_key_value qkv_proj Wqkv wqkv W_pack linear_qkv in_proj_weight att_proj"),
    ("qkv", "to_qkv to_added_qkv in_proj_qkv in_proj_qkvz @attn.qkv attn.c_attn"),
    ("qkv", "attention.self.in_proj token_mixer.qkv factoratt_crpe.qkv @attn.qkv.linear"),
    ("kv", "crossattention.c_attn @attn.to_kv self_attention.kv_proj @attn.kv @attn.kv.linear"),
    ("gate_up", "gate_up_proj mlp.Wi"),
    # Multi-head latent attention.
    ("q_a", "q_a_proj @attn.wq_a"),
    ("q_b", "q_b_proj @attn.wq_b"),
    ("kv_a", "kv_a_proj_with_mqa @attn.wkv_a"),
    ("kv_b", "kv_b_proj @attn.wkv_b"),
    # Attention.
    ("q", "q_proj query_proj q_lin to_q add_q_proj q_proj_weight @attn.wq @attn.q @attn.linear_q"),
    ("q", "@attn.query @attn.self.query @attn.q_head @attn.Wq crossattention.q_attn"),
    ("q", "visual_attention.att.query self_attention.project_q"),
    ("k", "k_proj key_proj k_lin to_k add_k_proj k_proj_weight @attn.wk @attn.k @attn.linear_k"),
    ("k", "@attn.key @attn.self.key @attn.k_head @attn.Wk visual_attention.att.key"),
    ("k", "self_attention.project_k"),
    ("v", "v_proj value_proj v_lin to_v add_v_proj v_proj_weight @attn.wv @attn.v @attn.linear_v"),
    ("v", "@attn.value @attn.self.value @attn.v_head @attn.Wv visual_attention.att.value"),
    ("v", "self_attention.project_v"),
    ("o", "o_proj @attn.out_proj @attn.dense @attn.output.dense @attn.c_proj @attn.Wo @attn.wo"),
    ("o", "@attn.linear_proj @attn.linear_out @attn.projection_layer @attn.o attn_out out_lin"),
    ("o", "to_out.0 to_add_out self_attention.attention_out"),
    # Routers of experts.
    (
        "router",
        "mlp.gate mlp.gate.wg mlp.router.gate block_sparse_moe.gate block_sparse_moe.router",
    ),
    ("router", "text_moe.gate vision_moe.gate"),
    ("router", "mlp.router feed_forward.router router.layer router.classifier shared_expert_gate"),
    # Feed-forward weights that need no neighbour to be told.
    ("gate", "gate_proj wi_0"),
    ("up", "wi_1"),
    ("down", "mlp.Wo"),
    # Both ends.
    ("embed", "embed_tokens wte wpe word_embeddings tok_embeddings embed_in @root.shared"),
    ("embed", "token_embedding position_embedding position_embeddings token_type_embeddings"),
    ("embed", "embed_positions embed_tokens_per_layer @root.embeddings @root.embed"),
    ("head", "lm_head lm_head.decoder lm_head.out_proj predictions.decoder embed_out"),
    ("head", "vocab_projector generator_lm_head lm_loss"),
)


@dataclass(frozen=True)
class Family:
    """One way in which weights are named that lie in one layer.

    Attributes
    ----------
    members : str
        `name=kind` of each weight.
    beside : str
        Names that must lie in the same layer; without them the name is enough.
    shape : str
        `twice a b`: a has two rows for every column of b. `turned a b`: b has the shape of a
        transposed. It is enough to see it in one block.
    lone_expert : bool
        The family holds for a weight under `experts.N.` without any of its siblings.
    within : str
        What the module must be that has the weights, any of: `block` for a block or an expert
        itself, `ffn` for a module with the name of a feed-forward one, `inside` for any in a block
        that is not called an adapter. Names that other modules use too need this.
    """

    members: str
    beside: str = ""
    shape: str = ""
    lone_expert: bool = False
    within: str = ""

    @cached_property
    def kinds(self) -> dict[str, str]:
        """Kind of each member."""
        return dict(member.split("=") for member in self.members.split())

    @cached_property
    def neighbours(self) -> tuple[str, ...]:
        """Names of `beside`."""
        return tuple(self.beside.split())

    @cached_property
    def places(self) -> frozenset[str]:
        """Words of `within`."""
        return frozenset(self.within.split())

    @cached_property
    def relation(self) -> tuple[str, str, str]:
        """Relation of `shape` and the two members it is about; three empty strings for none."""
        name, first, second = self.shape.split() if self.shape else ("", "", "")
        return name, first, second


def _two_layers(
    first: str, second: str, beside: str = "", within: str = ""
) -> tuple[Family, Family]:
    """Two layers of which the first holds gate and up in one if it has twice the rows."""
    twice = f"twice {first} {second}"
    return (
        Family(f"{first}=gate_up {second}=down", beside, shape=twice, within=within),
        Family(f"{first}=ffn_in {second}=ffn_out", beside, within=within),
    )


# The first family that fits decides.
FAMILIES = (
    # Output projections whose name says nothing without the inputs beside them.
    Family("attn.proj=o", "attn.qkv"),
    Family("attn.proj=o", "attn.q"),
    Family("attn.proj=o", "attn.q_proj"),
    Family("attn.proj=o", "attn.wq"),
    Family("attn.proj=o", "attn.kv"),
    Family("token_mixer.proj=o", "token_mixer.qkv"),
    Family("factoratt_crpe.proj=o", "factoratt_crpe.qkv"),
    Family("attn.to_out=o", "attn.to_q"),
    Family("attn.to_out=o", "attn.to_qkv"),
    Family("self_attn.to_out=o", "self_attn.to_q"),
    Family("self_attn.to_out=o", "self_attn.to_qkv"),
    Family("cross_attn.to_out=o", "cross_attn.to_q"),
    Family("img_attn.proj=o", "img_attn.qkv"),
    Family("txt_attn.proj=o", "txt_attn.qkv"),
    Family("attention.proj=o", "attention.qkv"),
    Family("attention.output=o", "attention.query"),
    Family("attention.post_proj=o", "attention.q_head"),
    Family("window_attn.proj=o", "window_attn.qkv"),
    Family("channel_attn.proj=o", "channel_attn.qkv"),
    Family("attn.out=o", "attn.query"),
    Family("cross_attn.out=o", "cross_attn.query"),
    Family("self_attn.projection=o", "self_attn.qkv"),
    Family("self_attn.output=o", "self_attn.self.query"),
    Family("self_attn.output=o", "self_attn.longformer_self_attn.query"),
    # Attention to samples of a picture has neither queries nor keys.
    Family("self_attn.output_proj=o", "self_attn.value_proj self_attn.sampling_offsets"),
    Family("cross_attn.output_proj=o", "cross_attn.value_proj cross_attn.sampling_offsets"),
    Family("encoder_attn.output_proj=o", "encoder_attn.value_proj encoder_attn.sampling_offsets"),
    Family("mixer.out_proj=o", "mixer.Wqkv"),
    Family("wo=o", "wqkv"),
    # State space layers.
    Family(
        "mixer.in_proj=ssm mixer.x_proj=ssm mixer.dt_proj=ssm mixer.out_proj=ssm", "mixer.in_proj"
    ),
    Family(
        "mamba.in_proj=ssm mamba.x_proj=ssm mamba.dt_proj=ssm mamba.out_proj=ssm", "mamba.in_proj"
    ),
    Family("mixer.x_proj=ssm mixer.dt_proj=ssm mixer.out_proj=ssm", "mixer.conv1d"),
    Family("mamba.x_proj=ssm mamba.dt_proj=ssm mamba.out_proj=ssm", "mamba.conv1d"),
    # Feed-forward layers.
    Family("up_proj=up down_proj=down", "gate_proj"),
    Family("down_proj=down", "gate_up_proj"),
    # Routers and adapters have projections down, and up, as well.
    Family("up_proj=ffn_in down_proj=ffn_out", within="block ffn"),
    Family("up_proj=ffn_in down_proj=ffn_out", "up_proj down_proj", within="inside"),
    Family("wo=down", "wi_0"),
    Family("wo=down", "wi_1"),
    Family("wi=ffn_in wo=ffn_out", "wi"),
    Family("w1=gate v1=up w2=down", "w1 v1"),
    Family("w0=gate w1=up w2=down", "w0 w1 w2", shape="turned w1 w2"),
    Family("w1=up w2=gate c_proj=down", "w1 w2 c_proj"),
    Family("w1=gate w2=up w3=down", "w1 w2 w3", shape="turned w1 w3"),
    Family("w1=gate w3=up w2=down", "w1 w3"),
    Family("w1=ffn_in w2=ffn_out", "w1 w2", shape="turned w1 w2"),
    Family("w1=gate w3=up w2=down", lone_expert=True),
    Family("fc1_g=gate fc1_x=up fc2=down", "fc1_g fc1_x"),
    Family("fc11=up fc12=gate fc2=down", "fc11 fc12"),
    Family("fc0=ffn_in fc1=ffn_out", "fc0 fc1"),
    # Heads and projectors number their layers like this too.
    *_two_layers("fc1", "fc2", within="block ffn"),
    *_two_layers("fc1", "fc2", "fc1 fc2", within="inside"),
    Family("mlp.weights_in=gate_up mlp.weights_out=down", "mlp.weights_in mlp.weights_out"),
    Family("mlp.w12=gate_up mlp.w3=down", "mlp.w12 mlp.w3"),
    Family("mlp.proj_in=ffn_in mlp.proj_out=ffn_out", shape="turned mlp.proj_in mlp.proj_out"),
    Family("mlp.in_proj=ffn_in mlp.out_proj=ffn_out", shape="turned mlp.in_proj mlp.out_proj"),
    Family("ff.layer_1=ffn_in ff.layer_2=ffn_out", "ff.layer_1 ff.layer_2"),
    Family(
        "feed_forward.intermediate=ffn_in feed_forward.output=ffn_out",
        "feed_forward.intermediate feed_forward.output",
    ),
    Family("feed_forward1.linear1=ffn_in feed_forward1.linear2=ffn_out", "feed_forward1.linear1"),
    Family("feed_forward2.linear1=ffn_in feed_forward2.linear2=ffn_out", "feed_forward2.linear1"),
    Family("mlp.dense1=ffn_in mlp.dense2=ffn_out", "mlp.dense1 mlp.dense2"),
    Family("fc_in=ffn_in fc_out=ffn_out"),
    Family("mlp.c_fc=ffn_in mlp.c_proj=ffn_out"),
    Family("lin1=ffn_in lin2=ffn_out"),
    *_two_layers("dense_h_to_4h", "dense_4h_to_h"),
    *_two_layers("linear_fc1", "linear_fc2", "linear_fc1 linear_fc2"),
    *_two_layers("ff_proj", "ff_out", "ff_proj ff_out"),
    *_two_layers("ff.linear_in", "ff.linear_out", "ff.linear_in ff.linear_out"),
    *_two_layers("ff.proj_in", "ff.proj_out", "ff.proj_in ff.proj_out"),
    Family(
        "ff.linear_1=gate ff.linear_2=up ff.out_projection=down",
        "ff.linear_1 ff.linear_2 ff.out_projection",
    ),
    Family(
        "feed_forward.linear_1=gate feed_forward.linear_3=up feed_forward.linear_2=down",
        "feed_forward.linear_1 feed_forward.linear_2 feed_forward.linear_3",
    ),
    *_two_layers("ff.net.0.proj", "ff.net.2"),
    *_two_layers("ffn.net.0.proj", "ffn.net.2"),
    *_two_layers("ff_context.net.0.proj", "ff_context.net.2"),
    *_two_layers("img_mlp.net.0.proj", "img_mlp.net.2"),
    *_two_layers("txt_mlp.net.0.proj", "txt_mlp.net.2"),
    *_two_layers("img_mlp.0", "img_mlp.2", "img_attn.qkv"),
    *_two_layers("txt_mlp.0", "txt_mlp.2", "txt_attn.qkv"),
    Family("proj_mlp=ffn_in", "attn.to_q proj_mlp proj_out"),
    Family("ffn.0=ffn_in ffn.2=ffn_out", "ffn.0 ffn.2 self_attn.q"),
    Family("ffn.0=ffn_in ffn.2=ffn_out", "ffn.0 ffn.2 multi_head_attention.Wq"),
    Family("ffn.linear_1=ffn_in ffn.linear_2=ffn_out", "ffn.linear_1 ffn.linear_2"),
    Family("proj_up_gate=gate proj_up=up proj_down=down", "proj_up_gate proj_up proj_down"),
    Family("mlp.0=ffn_in mlp.2=ffn_out", "mlp.0 mlp.2 attn.query"),
    # Attention and heads end in `output.dense` as well.
    Family("intermediate.dense=ffn_in"),
    Family("output.dense=ffn_out", "intermediate.dense"),
    Family("output.dense=ffn_out", within="block ffn"),
    Family("intermediate_query.dense=ffn_in output_query.dense=ffn_out"),
    Family("intermediate_dense=ffn_in output_dense=ffn_out", "intermediate_dense output_dense"),
    Family("ffn=ffn_in ffn_output=ffn_out", "ffn ffn_output"),
    Family("linear1=ffn_in linear2=ffn_out", "linear1 linear2 self_attn.out_proj"),
    *_two_layers("input_linear", "output_linear", "input_linear output_linear"),
    # Routers whose name is that of a gate elsewhere.
    Family("feed_forward.gate=router", "feed_forward.experts.#.w1"),
    Family("feed_forward.gate=router", "feed_forward.experts.gate_up_proj"),
    Family("ffn.gate=router", "ffn.experts.#.w1"),
    Family("mixer.gate=router", "mixer.experts.#.up_proj"),
    Family("mixer.gate=router", "mixer.experts.up_proj"),
)

# A head of these names is one only if it has the shape of an embedding table.
HEAD_LIKE_EMBED = frozenset(
    ["proj_out", "output", "output_layer", "decoder", "head", "ff_out", "output_projection"]
)
