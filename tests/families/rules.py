"""What each stored matrix of each family is: the table that the proofs of `zeroing.py` check.

Names are the ends of stored names without `.weight`. Numbers of blocks are left out and those of
experts are written as @; the longest end that fits counts. `other` gives a reason why a matrix has
no kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from families import cuts
from families.cuts import Layout

Rules = dict[str, Layout]


def matrix(kind: str) -> Layout:
    """A matrix that is all of one kind."""
    return Layout(kind, cuts.whole(kind))


def other(reason: str) -> Layout:
    """What belongs to no kind, and why."""
    return Layout("other", cuts.whole("other"), reason=reason)


def turned(layout: Layout) -> Layout:
    """The same in a Conv1D, which is stored [in, out]."""
    return replace(layout, axis=1 - layout.axis)


def stacked(layout: Layout) -> Layout:
    """One for each expert, on a first axis of its own."""
    return replace(layout, experts="stacked")


def named(names: str, layouts: Iterable[Layout]) -> Rules:
    """Rules for names that are given in the order of the layouts."""
    return dict(zip(names.split(), layouts, strict=True))


Q, OUTPUT = Layout("q", cuts.heads("q")), Layout("o", cuts.heads("o"), axis=1)
K, V = (Layout(kind, cuts.heads(kind, "kv_heads")) for kind in "kv")
K_FULL, V_FULL = (Layout(kind, cuts.heads(kind)) for kind in "kv")
GROUPED, FULL = (Q, K, V, OUTPUT), (Q, K_FULL, V_FULL, OUTPUT)
GATE, UP, DOWN, IN, OUT = map(matrix, ("gate", "up", "down", "ffn_in", "ffn_out"))
GATED, PLAIN = (GATE, UP, DOWN), (IN, OUT)
EMBED, HEAD, ROUTER, SSM = map(matrix, ("embed", "head", "router", "ssm"))
GATE_UP = Layout("gate_up", cuts.halves("gate", "up"))
PER_HEAD = Layout("qkv", cuts.in_turn("q", "k", "v"))
THIRDS = Layout("qkv", cuts.THIRDS)
GROUPED_QKV = Layout("qkv", cuts.one_after_another(q="heads", k="kv_heads", v="kv_heads"))

IMAGE = other("a convolution that turns patches into tokens")
TOKEN = other("a learned token, a vector in three dimensions")
POSITIONS = other("learned positions that no lookup reads")
TRANSFORM = other("part of the output layers, in no block")
ACROSS = other("maps one tower's space to another's")
RELATIVE = other("a table of attention biases by distance")
FACTOR = other("maps between the width of the embeddings and that of the blocks")

ENDS = named("embed_tokens lm_head", (EMBED, HEAD))
PROJ = "self_attn.q_proj self_attn.k_proj self_attn.v_proj"
MLP = "mlp.gate_proj mlp.up_proj mlp.down_proj"
LLAMA = {**ENDS, **named(f"{PROJ} self_attn.o_proj", GROUPED), **named(MLP, GATED)}
FULL_OUT = named(f"{PROJ} self_attn.out_proj", FULL)
FC12 = named("fc1 fc2", PLAIN)
FOUR_H = named("dense_h_to_4h dense_4h_to_h", PLAIN)
GPT2_ENDS = named("wte wpe lm_head", (EMBED, EMBED, HEAD))
GPT2_ATTENTION = {"attn.c_attn": turned(THIRDS), "attn.c_proj": turned(OUTPUT)}
GPT2 = {
    **GPT2_ENDS,
    **GPT2_ATTENTION,
    **named("mlp.c_fc mlp.c_proj", PLAIN),
}
GPTJ_FFN = named("fc_in fc_out", PLAIN)
BIGCODE = {**GPT2, "attn.c_proj": OUTPUT}


def falcon(layout: Layout) -> Rules:
    """Falcon's blocks around one of its three projections."""
    return {
        **FOUR_H,
        **named("word_embeddings lm_head self_attention.dense", (EMBED, HEAD, OUTPUT)),
        "self_attention.query_key_value": layout,
    }


DECODERS = {
    **dict.fromkeys(
        (
            *("llama", "mistral", "qwen2", "qwen3", "gemma2", "gemma3_text", "olmo2"),
            *("stablelm", "granite", "cohere2"),
        ),
        LLAMA,
    ),
    "gemma": {
        **LLAMA,
        "self_attn.k_proj": Layout("k", cuts.one_head("k")),
        "self_attn.v_proj": Layout("v", cuts.one_head("v")),
    },
    "phi": {**ENDS, **named(f"{PROJ} self_attn.dense", FULL), **FC12},
    "phi3": {
        **LLAMA,
        **named("self_attn.qkv_proj mlp.gate_up_proj", (GROUPED_QKV, GATE_UP)),
    },
    "starcoder2": {**LLAMA, **named("mlp.c_fc mlp.c_proj", PLAIN)},
    "nemotron": {**LLAMA, **named("mlp.up_proj mlp.down_proj", PLAIN)},
    "gpt_neox": {
        **named("embed_in embed_out lm_head attention.dense", (EMBED, HEAD, HEAD, OUTPUT)),
        "attention.query_key_value": PER_HEAD,
        **FOUR_H,
    },
    "persimmon": {
        **ENDS,
        **FOUR_H,
        **named("self_attn.query_key_value self_attn.dense", (PER_HEAD, OUTPUT)),
    },
    "gpt2": GPT2,
    "gpt2_cross": {
        **GPT2,
        "crossattention.c_attn": turned(Layout("kv", cuts.one_after_another(k="heads", v="heads"))),
        **named("crossattention.q_attn crossattention.c_proj", (turned(Q), turned(OUTPUT))),
    },
    "gpt_bigcode_mqa": {**BIGCODE, "attn.c_attn": Layout("qkv", cuts.multi_query)},
    "gpt_bigcode_mha": {**BIGCODE, "attn.c_attn": PER_HEAD},
    "gptj": {
        **GPT2_ENDS,
        **named("attn.q_proj attn.k_proj attn.v_proj attn.out_proj", FULL),
        **GPTJ_FFN,
    },
    "codegen": {
        **GPT2_ENDS,
        **GPTJ_FFN,
        "attn.qkv_proj": Layout("qkv", cuts.four_blocks),
        "attn.out_proj": OUTPUT,
    },
    "gpt_neo": {
        **GPT2,
        **named("q_proj k_proj v_proj out_proj", FULL),
    },
    "bloom": falcon(PER_HEAD),
    "opt": {
        **ENDS,
        **FULL_OUT,
        **FC12,
        **named("embed_positions project_in project_out", (EMBED, FACTOR, FACTOR)),
    },
    "falcon_rw": falcon(PER_HEAD),
    "falcon_7b": falcon(Layout("qkv", cuts.multi_query)),
    "falcon_40b": falcon(Layout("qkv", cuts.grouped)),
    "mpt": {
        **GPT2_ENDS,
        **named("attn.Wqkv attn.out_proj ffn.up_proj ffn.down_proj", (THIRDS, OUTPUT, IN, OUT)),
    },
}

SHARED = named("shared_expert.gate_proj shared_expert.up_proj shared_expert.down_proj", GATED)
SHARED_GATE = {"shared_expert_gate": Layout("router", cuts.whole("router"), proof="scalar_gate")}
# One by one as most are published, and stacked as the library keeps them in memory.
EXPERTS = {
    **named("experts.@.gate_proj experts.@.up_proj experts.@.down_proj", GATED),
    **named("experts.@.w1 experts.@.w3 experts.@.w2", GATED),
    **named("experts.gate_up_proj experts.down_proj", (stacked(GATE_UP), stacked(DOWN))),
}
ROUTERS = named("mlp.gate block_sparse_moe.gate router router.layer", (ROUTER,) * 4)
MOE = {**LLAMA, **EXPERTS, **ROUTERS, **SHARED, **SHARED_GATE}
LATENT = {
    **MOE,
    **named("shared_experts.gate_proj shared_experts.up_proj shared_experts.down_proj", GATED),
    "self_attn.q_a_proj": matrix("q_a"),
    "self_attn.q_b_proj": replace(Q, kind="q_b"),
    "self_attn.kv_a_proj_with_mqa": Layout("kv_a", cuts.latent_and_rope),
    "self_attn.kv_b_proj": Layout("kv_b", cuts.latent_key_value),
}
MAMBA = {
    **named("mamba.in_proj mamba.x_proj mamba.dt_proj mamba.out_proj", (SSM,) * 4),
    "conv1d": other("a convolution along the sequence, one filter per channel"),
    "A_log": other("decay rates, no map between spaces"),
}
T5_PAIR = "{0}.q {0}.k {0}.v {0}.o"
T5 = {
    **named("shared lm_head relative_attention_bias", (EMBED, HEAD, RELATIVE)),
    **named(T5_PAIR.format("SelfAttention"), FULL),
    **named(T5_PAIR.format("EncDecAttention"), FULL),
}

MIXTURES = {
    **dict.fromkeys(("mixtral", "qwen2_moe", "qwen3_moe", "olmoe"), MOE),
    "deepseek_v2": LATENT,
    "deepseek_v3": LATENT,
    "gpt_oss": {
        **MOE,
        "experts.gate_up_proj": stacked(
            Layout("gate_up", cuts.alternating("gate", "up"), axis=1, proof="shifted_up")
        ),
    },
    "llama4_text": {
        **MOE,
        **named("gate_proj up_proj down_proj", GATED),
        "experts.gate_up_proj": stacked(turned(GATE_UP)),
    },
    "dbrx": {
        **GPT2_ENDS,
        **named("attn.Wqkv attn.out_proj router.layer", (GROUPED_QKV, OUTPUT, ROUTER)),
        **named(
            "experts.mlp.w1 experts.mlp.v1 experts.mlp.w2",
            (replace(layout, experts="flat") for layout in GATED),
        ),
    },
    "granitemoe": {
        **MOE,
        **named("input_linear output_linear", (stacked(GATE_UP), stacked(DOWN))),
    },
    "jamba": {**MOE, **MAMBA, **named("gate_proj up_proj down_proj", GATED)},
    "qwen3_next": {
        **MOE,
        "self_attn.q_proj": Layout("q", cuts.in_turn("q", "q_gate")),
        "in_proj_qkvz": Layout("qkvz", cuts.linear_attention),
        "in_proj_ba": other("step size and decay of linear attention, two rows per head"),
        "linear_attn.out_proj": OUTPUT,
        "conv1d": MAMBA["conv1d"],
    },
    "switch_transformers": {
        **T5,
        **named("mlp.wi mlp.wo experts.@.wi experts.@.wo", PLAIN * 2),
        "router.classifier": ROUTER,
    },
}

BERT_EMBEDDINGS = named("word_embeddings position_embeddings token_type_embeddings", (EMBED,) * 3)
BERT = {
    **BERT_EMBEDDINGS,
    **named(
        "attention.self.query attention.self.key attention.self.value attention.output.dense", FULL
    ),
    **named("intermediate.dense output.dense", PLAIN),
    **named("transform.dense lm_head.dense generator_predictions.dense", (TRANSFORM,) * 3),
    **named("embeddings_project", (FACTOR,)),
}
DISTANCE = other("query or key of relative positions, which no token passes through")
DISTANCES = other("embeddings of distances, not of tokens")
BART = {
    **named("shared embed_positions embed_tokens proj_out", (EMBED, EMBED, EMBED, HEAD)),
    **FULL_OUT,
    **named(
        "encoder_attn.q_proj encoder_attn.k_proj encoder_attn.v_proj encoder_attn.out_proj", FULL
    ),
    **FC12,
}
ENCODERS = {
    "bert": BERT,
    "roberta": BERT,
    "electra": BERT,
    "deberta": {
        **BERT,
        "self.in_proj": PER_HEAD,
        **named("pos_proj pos_q_proj rel_embeddings", (DISTANCE, DISTANCE, DISTANCES)),
    },
    "deberta_v2": {
        **BERT,
        **named("self.query_proj self.key_proj self.value_proj attention.output.dense", FULL),
        **named("pos_key_proj pos_query_proj rel_embeddings", (DISTANCE, DISTANCE, DISTANCES)),
    },
    "modernbert": {
        **named("tok_embeddings attn.Wqkv attn.Wo", (EMBED, THIRDS, OUTPUT)),
        **named("mlp.Wi mlp.Wo head.dense", (GATE_UP, DOWN, TRANSFORM)),
    },
    "albert": {
        **BERT_EMBEDDINGS,
        **named("attention.query attention.key attention.value attention.dense", FULL),
        **named("ffn ffn_output", PLAIN),
        **named("embedding_hidden_mapping_in predictions.dense", (FACTOR, TRANSFORM)),
    },
    "distilbert": {
        **BERT_EMBEDDINGS,
        **named("q_lin k_lin v_lin out_lin lin1 lin2", (*FULL, *PLAIN)),
        "vocab_transform": TRANSFORM,
    },
    "t5": {**T5, **named("DenseReluDense.wi DenseReluDense.wo", PLAIN)},
    "t5_gated": {
        **T5,
        **named("DenseReluDense.wi_0 DenseReluDense.wi_1 DenseReluDense.wo", GATED),
    },
    "bart": BART,
    "whisper": {**BART, "conv1": IMAGE, "conv2": IMAGE},
}

# Names that the library has for these models in memory.
IN_MEMORY = named("attention.q_proj attention.k_proj attention.v_proj attention.o_proj", FULL)
VIT = {
    **IN_MEMORY,
    **named(
        "attention.attention.query attention.attention.key attention.attention.value"
        " attention.output.dense",
        FULL,
    ),
    **named("intermediate.dense output.dense", PLAIN),
    **FC12,
    **named("cls_token mask_token position_embeddings", (TOKEN, TOKEN, POSITIONS)),
    **named("patch_embeddings.projection classifier", (IMAGE, TRANSFORM)),
}
CLIP = {
    **FULL_OUT,
    **FC12,
    **named("token_embedding position_embedding patch_embedding", (EMBED, EMBED, IMAGE)),
    **named("text_projection visual_projection text_model.head", (ACROSS,) * 3),
    **named("head.attention.in_proj_weight head.attention.out_proj", (THIRDS, OUTPUT)),
    "head.probe": TOKEN,
}
QWEN_VL = {
    **LLAMA,
    **named("visual.blocks.attn.qkv visual.blocks.attn.proj", (THIRDS, OUTPUT)),
    **FC12,
    **named("merger.mlp patch_embed.proj", (ACROSS, IMAGE)),
}
VISION = {
    "vit": VIT,
    "dinov2": VIT,
    "dinov2_swiglu": {
        **VIT,
        **named("mlp.weights_in mlp.weights_out", (GATE_UP, DOWN)),
        **named(MLP, GATED),
    },
    "beit": VIT,
    "swin": {
        **BERT,
        **{
            name: replace(layout, cuts=cuts.of_one_size(layout.kind))
            for name, layout in {**BERT, **IN_MEMORY}.items()
            if layout in FULL
        },
        **FC12,
        **named("patch_embeddings.projection classifier", (IMAGE, TRANSFORM)),
        "downsample.reduction": other("merges four patches between two stages"),
        "relative_position_bias_table": RELATIVE,
    },
    "clip": CLIP,
    "siglip": CLIP,
    "llava": {
        **CLIP,
        **ENDS,
        # Published and in-memory names of the language model; images have as many key heads.
        **{
            f"language_model.{inside}layers.{ending}": layout
            for inside in ("", "model.")
            for ending, layout in LLAMA.items()
        },
        **named("linear_1 linear_2", (ACROSS, ACROSS)),
    },
    "qwen2_vl": QWEN_VL,
    "qwen2_5_vl": QWEN_VL,
}

MAMBAS = {
    "falcon_h1": {**LLAMA, **MAMBA, **named("gate_proj up_proj down_proj", GATED)},
    "mamba": {
        **MAMBA,
        **named("mixer.in_proj mixer.x_proj mixer.dt_proj mixer.out_proj", (SSM,) * 4),
        **named("backbone.embeddings lm_head", (EMBED, HEAD)),
    },
}

RULES: dict[str, Rules] = {**DECODERS, **MIXTURES, **ENCODERS, **VISION, **MAMBAS}
