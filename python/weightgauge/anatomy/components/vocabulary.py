"""Words that parameter names are made of: modules, blocks, stages, experts, towers, norms."""

from __future__ import annotations

import re

ATTENTION = frozenset(
    (
        *("attn", "self_attn", "cross_attn", "encoder_attn", "linear_attn", "attn1", "attn2"),
        *("attention", "self_attention", "cross_attention", "crossattention"),
        *("encoder_decoder_attention", "multi_head_attention"),
        *("cross_attn_token_to_image", "cross_attn_image_to_token", "final_attn_token_to_image"),
        *("SelfAttention", "EncDecAttention", "LocalSelfAttention", "TransientGlobalSelfAttention"),
        *("img_attn", "txt_attn", "window_attn", "channel_attn", "multihead_attn", "x_attn"),
        *("temporal_attention", "visual_attention", "lang_self_att", "visn_self_att"),
        *("longformer_self_attn", "encoder_attn_text"),
    )
)
"""Names of attention modules."""

FEED_FORWARD = re.compile(r"mlp|ffn|feed_?forward|^ff[0-9]?$|experts?$", re.IGNORECASE)
"""Names of feed-forward modules, and of stacks of experts."""

ADAPTER = re.compile(r"adapter|adaptor", re.IGNORECASE)
"""Names of bottlenecks beside a layer, whose `down_proj` comes first."""

ROOT = frozenset(
    (
        *("", "model", "transformer", "backbone", "rwkv", "language_model"),
        *("model.transformer", "model.language_model", "language_model.model"),
    )
)
"""Paths of the top of a model."""

BLOCK_WORDS = frozenset(
    (
        *("layer", "layers", "h", "block", "blocks", "resblocks", "transformer_blocks"),
        *("single_transformer_blocks", "joint_blocks", "double_blocks", "single_blocks"),
        *("joint_transformer_blocks", "control_blocks", "diff_blocks", "refiner_blocks"),
        *("noise_refiner", "context_refiner", "encoders", "decoders", "conformer"),
        *("encoder_layers", "decoder_layers", "transformer_layers", "conformer_layers"),
        *("spatial_layers", "temporal_layers", "self_attends", "svtr_block", "parallel_blocks"),
        *("self_layers", "cross_layers", "cross_attn_layers", "gated_cross_attn_layers"),
        *("cross_modal_image_layers", "cross_modal_text_layers", "r_layers", "x_layers"),
        *("cls_attn_blocks", "blocks_token_only"),
    )
)
"""Lists of blocks: the number after such a word is that of a block. The outermost one counts."""

STAGED_BLOCKS = frozenset(
    (
        ("layers", "blocks"),
        ("stages", "blocks"),
        ("stages", "layers"),
        ("block", ""),
        ("blocks", ""),
    )
)
"""Lists of stages with the lists of blocks in each; the latter may have no name of their own."""

EXPERT_WORDS = frozenset(("experts", "local_experts"))
"""Lists of experts."""

EXPERT_NAME = re.compile(r"(?:^|\.)(?:local_)?experts\.expert_([0-9]{1,9})\.")
"""An expert whose number is part of its name."""

EXPERT_TEMPLATE = re.compile(r"(?:^|\.)(?:local_)?experts\.#$")

FACTORS = frozenset(
    (
        *("lora_A", "lora_B", "lora_embedding_A", "lora_embedding_B"),
        *("lora_a", "lora_b", "lora_down", "lora_up"),
    )
)
"""Low-rank factors, under which the name of the adapter may follow."""

LONE_ADAPTERS = frozenset(("lora_a", "lora_b", "lora_embedding_A", "lora_embedding_B"))
"""Low-rank adapters that are parameters themselves."""

TOWERS = (None, "encoder", "decoder", "vision", "audio", "text")
"""Every tower, in the order of tables; None where names do not say."""

TOWER_WORDS = {
    "vision": "vision_model vision_tower vision_encoder vision image_encoder visual image_embed",
    "text": "text_model text_tower text_encoder text_decoder language_model",
    "audio": "audio_model audio_tower audio_encoder audio_embed speech_encoder",
    "encoder": "encoder",
    "decoder": "decoder",
}

NORM = re.compile(r"norm|^ln(?:_|[0-9]|$)|_ln$", re.IGNORECASE)
NORM_WEIGHT = frozenset(["weight", "gamma", "scale"])
BIAS = re.compile(r"(?:^|_)bias$|^bias_[a-z0-9_]+$|^beta$|^b_(?:[QKVOU]|in|out)$")
