"""Mixtures of experts."""

from __future__ import annotations

from families.arguments import Family, experts, latent, lm, t5_like

MIXTURES = (
    lm("mixtral", "Mixtral", lambda s: experts(s, "num_local_experts")),
    lm(
        "qwen2_moe",
        "Qwen2Moe",
        lambda s: experts(
            s,
            moe_intermediate_size=s.ffn // 2,
            shared_expert_intermediate_size=s.ffn,
        ),
    ),
    lm(
        "qwen3_moe",
        "Qwen3Moe",
        lambda s: experts(s, moe_intermediate_size=s.ffn // 2, head_dim=s.wide),
    ),
    lm("olmoe", "Olmoe", experts),
    lm("deepseek_v2", "DeepseekV2", latent),
    lm("deepseek_v3", "DeepseekV3", latent),
    lm(
        "gpt_oss",
        "GptOss",
        lambda s: experts(s, "num_local_experts", head_dim=s.wide),
    ),
    Family(
        "llama4_text",
        "Llama4TextConfig",
        "Llama4ForCausalLM",
        lambda s: experts(
            s,
            "num_local_experts",
            intermediate_size_mlp=s.ffn + 8,
            head_dim=s.wide,
            interleave_moe_layer_step=s.layers,
        ),
    ),
    lm(
        "dbrx",
        "Dbrx",
        lambda s: {
            "vocab_size": s.vocab,
            "d_model": s.hidden,
            "n_heads": s.heads,
            "n_layers": s.layers,
            "max_seq_len": 64,
            "attn_config": {"kv_n_heads": s.kv_heads, "clip_qkv": 100.0, "rope_theta": 10000.0},
            "ffn_config": {
                "ffn_hidden_size": s.ffn,
                "hidden_size": s.hidden,
                "moe_num_experts": s.experts,
                "moe_top_k": 2,
            },
        },
    ),
    lm("granitemoe", "GraniteMoe", lambda s: experts(s, "num_local_experts")),
    lm(
        "jamba",
        "Jamba",
        lambda s: experts(
            s,
            attn_layer_period=2,
            attn_layer_offset=0,
            expert_layer_period=2,
            expert_layer_offset=0,
            mamba_dt_rank=4,
            use_mamba_kernels=False,
        ),
    ),
    lm(
        "qwen3_next",
        "Qwen3Next",
        lambda s: experts(
            s,
            moe_intermediate_size=s.ffn // 2,
            shared_expert_intermediate_size=s.ffn,
            head_dim=s.wide,
            linear_num_key_heads=2,
            linear_num_value_heads=4,
            linear_key_head_dim=s.head_dim,
            linear_value_head_dim=s.head_dim + 2,
            layer_types=["linear_attention", "full_attention"][-s.layers :],
        ),
    ),
    Family(
        "switch_transformers",
        "SwitchTransformersConfig",
        "SwitchTransformersForConditionalGeneration",
        lambda s: {
            **t5_like(s, num_decoder_layers=s.layers),
            "num_sparse_encoder_layers": 1,
            "num_sparse_decoder_layers": 1,
            "num_experts": s.experts,
            "expert_capacity": 64,
        },
        "tokens_twice",
    ),
)
