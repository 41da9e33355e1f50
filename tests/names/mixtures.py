"""Mixtures of experts and latent attention."""

FAMILIES = {
    "qwen2 moe": """
    router 1 - - 8x64   model.layers.1.mlp.gate.weight
    gate   1 - 7 256x64 model.layers.1.mlp.experts.7.gate_proj.weight
    up     1 - 7 256x64 model.layers.1.mlp.experts.7.up_proj.weight
    down   1 - 7 64x256 model.layers.1.mlp.experts.7.down_proj.weight
    gate   1 - - 256x64 model.layers.1.mlp.shared_expert.gate_proj.weight
    up     1 - - 256x64 model.layers.1.mlp.shared_expert.up_proj.weight
    router 1 - - 1x64   model.layers.1.mlp.shared_expert_gate.weight
    """,
    "qwen3 next": """
    qkv   0 - - 512x64 model.layers.0.linear_attn.in_proj_qkvz.weight
    other 0 - - 8x64   model.layers.0.linear_attn.in_proj_ba.weight
    other 0 - - 64x1x4 model.layers.0.linear_attn.conv1d.weight
    other 0 - - 8      model.layers.0.linear_attn.A_log
    """,
    "mixtral": """
    router 0 - - 8x64   model.layers.0.block_sparse_moe.gate.weight
    gate   0 - 5 256x64 model.layers.0.block_sparse_moe.experts.5.w1.weight
    down   0 - 5 64x256 model.layers.0.block_sparse_moe.experts.5.w2.weight
    up     0 - 5 256x64 model.layers.0.block_sparse_moe.experts.5.w3.weight
    """,
    "switch transformer": """
    router  1 encoder - 8x64   encoder.block.1.layer.1.mlp.router.classifier.weight
    ffn_in  1 encoder 6 256x64 encoder.block.1.layer.1.mlp.experts.expert_6.wi.weight
    ffn_out 1 encoder 6 64x256 encoder.block.1.layer.1.mlp.experts.expert_6.wo.weight
    """,
    "dbrx": """
    qkv    0 - - 192x64  transformer.blocks.0.norm_attn_norm.attn.Wqkv.weight
    o      0 - - 64x64   transformer.blocks.0.norm_attn_norm.attn.out_proj.weight
    norm   0 - - 64      transformer.blocks.0.norm_attn_norm.norm_1.weight
    router 0 - - 16x64   transformer.blocks.0.ffn.router.layer.weight
    gate   0 - - 4096x64 transformer.blocks.0.ffn.experts.mlp.w1
    up     0 - - 4096x64 transformer.blocks.0.ffn.experts.mlp.v1
    down   0 - - 4096x64 transformer.blocks.0.ffn.experts.mlp.w2
    """,
    "stacked experts": """
    router  0 - - 8x64     model.layers.0.mlp.router.weight
    bias    0 - - 8        model.layers.0.mlp.router.bias
    gate_up 0 - - 8x64x512 model.layers.0.mlp.experts.gate_up_proj
    bias    0 - - 8x512    model.layers.0.mlp.experts.gate_up_proj_bias
    down    0 - - 8x256x64 model.layers.0.mlp.experts.down_proj
    bias    0 - - 8x64     model.layers.0.mlp.experts.down_proj_bias
    other   0 - - 8        model.layers.0.self_attn.sinks
    """,
    "mxfp4": """
    other 0 - - 8x512x2x16 model.layers.0.mlp.experts.gate_up_proj_blocks
    other 0 - - 8x512x2    model.layers.0.mlp.experts.gate_up_proj_scales
    """,
    "deepseek v3": """
    q_a   3 - - 64x64 model.layers.3.self_attn.q_a_proj.weight
    kv_b  3 - - 64x64 model.layers.3.self_attn.kv_b_proj.weight
    norm  3 - - 64    model.layers.3.self_attn.kv_a_layernorm.weight
    o     3 - - 64x64 model.layers.3.self_attn.o_proj.weight
    other 3 - - 1x1   model.layers.3.self_attn.o_proj.weight_scale_inv
    bias  3 - - 8     model.layers.3.mlp.gate.e_score_correction_bias
    """,
    "deepseek v2, native": """
    embed  - - - 1000x64 embed.weight
    q_a    1 - - 24x64   layers.1.attn.wq_a.weight
    q_b    1 - - 96x24   layers.1.attn.wq_b.weight
    kv_a   1 - - 24x64   layers.1.attn.wkv_a.weight
    kv_b   1 - - 128x16  layers.1.attn.wkv_b.weight
    o      1 - - 64x64   layers.1.attn.wo.weight
    router 1 - - 8x64    layers.1.ffn.gate.weight
    gate   1 - 7 256x64  layers.1.ffn.experts.7.w1.weight
    down   1 - 7 64x256  layers.1.ffn.experts.7.w2.weight
    up     1 - 7 256x64  layers.1.ffn.experts.7.w3.weight
    up     1 - - 256x64  layers.1.ffn.shared_experts.w3.weight
    gate   1 - - 256x64  layers.1.ffn.shared_experts.w1.weight
    head   - - - 1000x64 head.weight
    """,
    "llama 4": """
    router  1 text   - 16x64     language_model.layers.1.feed_forward.router.weight
    gate_up 1 text   - 16x64x512 language_model.layers.1.feed_forward.experts.gate_up_proj
    down    1 text   - 16x256x64 language_model.layers.1.feed_forward.experts.down_proj
    gate    1 text   - 256x64    language_model.layers.1.feed_forward.shared_expert.gate_proj.weight
    up      1 text   - 256x64    language_model.layers.1.feed_forward.shared_expert.up_proj.weight
    q       0 vision - 64x64     vision_model.model.layers.0.self_attn.q_proj.weight
    other   - -      - 64x64     multi_modal_projector.linear_1.weight
    """,
    "granite moe": """
    router  0 - - 8x64     model.layers.0.block_sparse_moe.router.layer.weight
    gate_up 0 - - 8x512x64 model.layers.0.block_sparse_moe.input_linear.weight
    down    0 - - 8x64x256 model.layers.0.block_sparse_moe.output_linear.weight
    gate_up 0 - - 512x64   model.layers.0.shared_mlp.input_linear.weight
    down    0 - - 64x256   model.layers.0.shared_mlp.output_linear.weight
    """,
    "aria, inputs first": """
    router  0 text - 8x64     language_model.model.layers.0.mlp.router.weight
    gate_up 0 text - 8x64x512 language_model.model.layers.0.mlp.experts.fc1.weight
    down    0 text - 8x256x64 language_model.model.layers.0.mlp.experts.fc2.weight
    down    0 text - 64x256   language_model.model.layers.0.mlp.shared_experts.down_proj.weight
    gate    0 text - 256x64   language_model.model.layers.0.mlp.shared_experts.gate_proj.weight
    """,
    "longcat flash": """
    q_a    0 - - 24x64  model.layers.0.self_attn.1.q_a_proj.weight
    kv_b   0 - - 128x16 model.layers.0.self_attn.1.kv_b_proj.weight
    o      0 - - 64x64  model.layers.0.self_attn.1.o_proj.weight
    gate   0 - - 256x64 model.layers.0.mlps.0.gate_proj.weight
    up     0 - - 256x64 model.layers.0.mlps.0.up_proj.weight
    router 0 - - 8x64   model.layers.0.mlp.router.classifier.weight
    """,
    "lfm 2 moe": """
    router 2 - - 8x64   model.layers.2.feed_forward.gate.weight
    gate   2 - 5 256x64 model.layers.2.feed_forward.experts.5.w1.weight
    down   2 - 5 64x256 model.layers.2.feed_forward.experts.5.w2.weight
    up     2 - 5 256x64 model.layers.2.feed_forward.experts.5.w3.weight
    """,
}
