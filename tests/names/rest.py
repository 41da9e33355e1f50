"""Other libraries, adapters, quantised storage and unknown names."""

FAMILIES = {
    "torch.nn.TransformerEncoder": """
    qkv     0 - - 192x64 layers.0.self_attn.in_proj_weight
    o       0 - - 64x64  layers.0.self_attn.out_proj.weight
    ffn_in  0 - - 256x64 layers.0.linear1.weight
    ffn_out 0 - - 64x256 layers.0.linear2.weight
    """,
    "megatron": """
    qkv     0 decoder - 192x64 decoder.layers.0.self_attention.linear_qkv.weight
    o       0 decoder - 64x64  decoder.layers.0.self_attention.linear_proj.weight
    gate_up 0 decoder - 512x64 decoder.layers.0.mlp.linear_fc1.weight
    down    0 decoder - 64x256 decoder.layers.0.mlp.linear_fc2.weight
    """,
    "xformers swiglu": """
    gate 0 - - 256x64 blocks.0.mlp.w1.weight
    up   0 - - 256x64 blocks.0.mlp.w2.weight
    down 0 - - 64x256 blocks.0.mlp.w3.weight
    """,
    "gates and projections that are no feed-forward": """
    q      0 - - 64x64   model.layers.0.self_attn.q_proj.weight
    other  0 - - 64x64   model.layers.0.self_attn.gate_proj.weight
    other  0 - - 64x64   model.layers.0.self_attn.compressor.gate_proj.weight
    other  0 - - 64x64   model.layers.0.self_attn.compressor.indexer.gate_proj.weight
    other  0 - - 256x64  model.layers.0.self_attn.compressor.indexer.q_b_proj.weight
    gate   0 - - 256x64  model.layers.0.mlp.gate_proj.weight
    up     0 - - 256x64  model.layers.0.mlp.up_proj.weight
    other  0 - - 64x64   model.layers.0.mlp.gate.router_mlp.fc1.weight
    router 0 - - 4x64    model.layers.0.mlp.text_moe.gate.weight
    router 0 - - 4x64    model.layers.0.mlp.vision_moe.gate.weight
    """,
    "experts of attention": """
    other   0 - - 8x64x64  model.layers.0.self_attention.experts.input_linear.weight
    other   0 - - 8x64x64  model.layers.0.self_attention.experts.output_linear.weight
    kv      0 - - 128x64   model.layers.0.self_attention.kv_proj.weight
    gate_up 0 - - 8x512x64 model.layers.0.mlp.input_linear.weight
    down    0 - - 8x64x256 model.layers.0.mlp.output_linear.weight
    """,
    "modules around a layer": """
    q 0 - - 64x64 model.layers.0.self_attn.q_proj.linear.weight
    o 0 - - 64x64 model.layers.0.self_attn.o_proj.linear.weight
    gate 0 - - 256x64 model.layers.0.mlp.gate_proj.linear.weight
    up 0 - - 256x64 model.layers.0.mlp.up_proj.linear.weight
    """,
    "quantised, unknown": """
    other 0 - - 8x64   model.layers.0.self_attn.q_proj.qweight
    other 0 - - 4x64   model.layers.0.self_attn.q_proj.scales
    other 0 - - 64x64  model.layers.0.mystery.weight
    other 0 - - 256x64 model.layers.0.w1.weight
    bias  0 - - 64     model.layers.0.self_attn.b_Q
    """,
    "adapters": """
    lora_a 3 - - 4x64   base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight
    lora_b 3 - - 64x4   base_model.model.model.layers.3.self_attn.q_proj.lora_B.weight
    lora_a 3 - 2 4x64   base_model.model.model.layers.3.mlp.experts.2.up_proj.lora_A.weight
    lora_b 3 - - 64x4   base_model.model.model.layers.3.self_attn.v_proj.lora_B.default.weight
    lora_a - - - 4x1000 base_model.model.model.embed_tokens.lora_embedding_A
    lora_b - - - 64x4   base_model.model.model.embed_tokens.lora_embedding_B
    other  3 - - 64     base_model.model.layers.3.self_attn.q_proj.lora_magnitude_vector.weight
    v      3 - - 64x64  base_model.model.model.layers.3.self_attn.v_proj.base_layer.weight
    lora_a 7 - - 4x64   transformer.single_transformer_blocks.7.attn.to_q.lora_A.weight
    lora_a - - - 4x64   lora_unet_double_blocks_0_img_attn_proj.lora_down.weight
    lora_b - - - 64x4   lora_unet_double_blocks_0_img_attn_proj.lora_up.weight
    """,
}
