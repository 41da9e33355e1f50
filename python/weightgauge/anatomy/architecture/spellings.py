"""The spellings of `config.json`: one table for facts, and one for the sections of towers."""

from __future__ import annotations

import re

# The first key that is present decides. A dot in a key leads into an object.
KEYS: dict[str, str] = {
    "heads": (
        "num_attention_heads n_head n_heads num_heads attention_heads heads "
        "decoder_attention_heads encoder_attention_heads"
    ),
    "kv_heads": (
        "num_key_value_heads num_kv_heads n_kv_heads n_head_kv "
        "multi_query_group_num attn_config.kv_n_heads"
    ),
    "head_dim": "head_dim d_kv kv_channels attention_head_dim",
    "hidden": "hidden_size n_embd d_model dim embed_dim width d_latents",
    "blocks": "num_hidden_layers n_layer n_layers num_layers depth layers",
    "experts": (
        "num_local_experts num_experts n_routed_experts moe_num_experts num_moe_experts "
        "ffn_config.moe_num_experts"
    ),
    "drafts": "num_nextn_predict_layers",
    "q_lora_rank": "q_lora_rank",
    "kv_lora_rank": "kv_lora_rank",
    "qk_nope_head_dim": "qk_nope_head_dim",
    "qk_rope_head_dim": "qk_rope_head_dim",
    "v_head_dim": "v_head_dim",
}

# Encoder and decoder of one model may have keys of their own, which are looked up first.
TOWER_KEYS: dict[str, dict[str, str]] = {
    "encoder": {
        "heads": "encoder_attention_heads encoder_num_attention_heads",
        "kv_heads": "encoder_num_key_value_heads",
        "blocks": "encoder_layers num_encoder_layers encoder_num_hidden_layers",
    },
    "decoder": {
        "heads": "decoder_attention_heads decoder_num_attention_heads",
        "kv_heads": "decoder_num_key_value_heads",
        "blocks": "decoder_layers num_decoder_layers decoder_num_hidden_layers",
    },
    "audio": {"heads": "encoder_attention_heads", "blocks": "encoder_layers"},
}

SECTIONS: dict[str, str] = {
    # The sections of a model with several towers.
    "vision": "vision_config vision_encoder_config vision_encoder vision visual",
    "text": "text_config llm_config language_config text_encoder",
    "audio": "audio_config audio_encoder speech_config",
    "encoder": "encoder encoder_config qformer_config",
    "decoder": "decoder decoder_config",
}

# Flags that mean one key and value head for all queries.
ONE_KV_HEAD = ("multi_query", "multi_query_attention")
# Flags for norms of queries and keys, which may have no weights.
QK_NORM = ("use_qk_norm", "qk_norm", "qk_layernorm", "use_qk_layernorm")

# Models of diffusers whose blocks have cross-attention mean the number of heads by this length,
# where they state no number: variables were named so once, and kept. Blocks of video (3D) and those
# called "Simple" or "K" do mean a length.
LENGTH_OR_NUMBER = "attention_head_dim"
BLOCK_TYPES = ("down_block_types", "up_block_types")
NUMBERED_BLOCKS = re.compile(r"(?!Simple|K|.*3D\Z).*CrossAttn")
