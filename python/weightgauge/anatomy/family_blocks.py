"""What the blocks of published families have, by the names that transformers gives them.

A family is listed only where every one of its models has these modules in at least one block.
Sizes, biases and what is optional, such as routers of models that may have no experts, are left
out. A family that is not listed is judged by what its own blocks and its configuration show.
"""

from __future__ import annotations

_SELF_ATTENTION = "self_attn.q_proj=q self_attn.k_proj=k self_attn.v_proj=v self_attn.o_proj=o"
_WITH_OUT_PROJ = "self_attn.q_proj=q self_attn.k_proj=k self_attn.v_proj=v self_attn.out_proj=o"
_GATED = "mlp.gate_proj=gate mlp.up_proj=up mlp.down_proj=down"
_BEFORE_AND_BETWEEN = "input_layernorm=norm post_attention_layernorm=norm"
_HEAD_NORMS = "self_attn.q_norm=norm self_attn.k_norm=norm"
_LLAMA = f"{_SELF_ATTENTION} {_GATED} {_BEFORE_AND_BETWEEN}"
_BERT = (
    "attention.self.query=q attention.self.key=k attention.self.value=v "
    "attention.output.dense=o attention.output.LayerNorm=norm "
    "intermediate.dense=ffn_in output.dense=ffn_out output.LayerNorm=norm"
)
_BART = f"{_WITH_OUT_PROJ} self_attn_layer_norm=norm fc1=ffn_in fc2=ffn_out final_layer_norm=norm"

_BLOCKS = {
    "llama mistral ministral qwen2 gemma granite helium seed_oss smollm3 ernie4_5": _LLAMA,
    "qwen3": f"{_LLAMA} {_HEAD_NORMS}",
    "gemma2": f"{_LLAMA} pre_feedforward_layernorm=norm post_feedforward_layernorm=norm",
    "gemma3_text": (
        f"{_LLAMA} {_HEAD_NORMS} pre_feedforward_layernorm=norm post_feedforward_layernorm=norm"
    ),
    "olmo": f"{_SELF_ATTENTION} {_GATED}",
    "olmo2 olmo3": (
        f"{_SELF_ATTENTION} {_GATED} {_HEAD_NORMS} "
        "post_attention_layernorm=norm post_feedforward_layernorm=norm"
    ),
    "cohere cohere2 stablelm": f"{_SELF_ATTENTION} {_GATED} input_layernorm=norm",
    "mixtral": f"{_SELF_ATTENTION} {_BEFORE_AND_BETWEEN} block_sparse_moe.gate=router",
    "qwen2_moe": f"{_SELF_ATTENTION} {_BEFORE_AND_BETWEEN} mlp.gate=router",
    "qwen3_moe olmoe": f"{_SELF_ATTENTION} {_BEFORE_AND_BETWEEN} {_HEAD_NORMS} mlp.gate=router",
    "gpt_oss": f"{_SELF_ATTENTION} {_BEFORE_AND_BETWEEN} mlp.router=router",
    "deepseek_v2 deepseek_v3": (
        "self_attn.q_proj=q self_attn.kv_a_proj_with_mqa=kv_a self_attn.kv_b_proj=kv_b "
        "self_attn.o_proj=o "
        f"{_BEFORE_AND_BETWEEN}"
    ),
    "starcoder2": (f"{_SELF_ATTENTION} mlp.c_fc=ffn_in mlp.c_proj=ffn_out {_BEFORE_AND_BETWEEN}"),
    "phi": (
        "self_attn.q_proj=q self_attn.k_proj=k self_attn.v_proj=v self_attn.dense=o "
        "mlp.fc1=ffn_in mlp.fc2=ffn_out input_layernorm=norm"
    ),
    "phi3": (
        "self_attn.qkv_proj=qkv self_attn.o_proj=o mlp.gate_up_proj=gate_up mlp.down_proj=down "
        f"{_BEFORE_AND_BETWEEN}"
    ),
    "gpt2 gpt_bigcode": (
        "attn.c_attn=qkv attn.c_proj=o mlp.c_fc=ffn_in mlp.c_proj=ffn_out ln_1=norm ln_2=norm"
    ),
    "gpt_neo": (
        "attn.attention.q_proj=q attn.attention.k_proj=k attn.attention.v_proj=v "
        "attn.attention.out_proj=o mlp.c_fc=ffn_in mlp.c_proj=ffn_out ln_1=norm ln_2=norm"
    ),
    "gpt_neox": (
        "attention.query_key_value=qkv attention.dense=o mlp.dense_h_to_4h=ffn_in "
        f"mlp.dense_4h_to_h=ffn_out {_BEFORE_AND_BETWEEN}"
    ),
    "gptj": (
        "attn.q_proj=q attn.k_proj=k attn.v_proj=v attn.out_proj=o "
        "mlp.fc_in=ffn_in mlp.fc_out=ffn_out ln_1=norm"
    ),
    "codegen": "attn.qkv_proj=qkv attn.out_proj=o mlp.fc_in=ffn_in mlp.fc_out=ffn_out ln_1=norm",
    "bloom": (
        "self_attention.query_key_value=qkv self_attention.dense=o mlp.dense_h_to_4h=ffn_in "
        f"mlp.dense_4h_to_h=ffn_out {_BEFORE_AND_BETWEEN}"
    ),
    "falcon": (
        "self_attention.query_key_value=qkv self_attention.dense=o mlp.dense_h_to_4h=ffn_in "
        "mlp.dense_4h_to_h=ffn_out"
    ),
    "mpt": (
        "attn.Wqkv=qkv attn.out_proj=o ffn.up_proj=ffn_in ffn.down_proj=ffn_out "
        "norm_1=norm norm_2=norm"
    ),
    "mamba falcon_mamba": (
        "mixer.in_proj=ssm mixer.conv1d=other mixer.x_proj=ssm mixer.dt_proj=ssm "
        "mixer.out_proj=ssm norm=norm"
    ),
    "mamba2": "mixer.in_proj=ssm mixer.conv1d=other mixer.out_proj=ssm mixer.norm=norm norm=norm",
    "bart mbart marian pegasus m2m_100 whisper opt blenderbot": _BART,
    "bert roberta xlm-roberta camembert electra": _BERT,
    "distilbert": (
        "attention.q_lin=q attention.k_lin=k attention.v_lin=v attention.out_lin=o "
        "ffn.lin1=ffn_in ffn.lin2=ffn_out sa_layer_norm=norm output_layer_norm=norm"
    ),
    "clip_text_model clip_vision_model siglip_text_model siglip_vision_model": (
        f"{_WITH_OUT_PROJ} layer_norm1=norm mlp.fc1=ffn_in mlp.fc2=ffn_out layer_norm2=norm"
    ),
}

FAMILY_BLOCKS: dict[str, dict[str, str]] = {
    model_type: dict(module.split("=") for module in modules.split())
    for model_types, modules in _BLOCKS.items()
    for model_type in model_types.split()
}
"""Kinds of the modules of a block, by `model_type` and by the name of the module."""
