"""Decoders: language models, state space hybrids among them."""

FAMILIES = {
    "llama": """
    embed -  - - 1000x64 model.embed_tokens.weight
    q     10 - - 64x64   model.layers.10.self_attn.q_proj.weight
    k     10 - - 16x64   model.layers.10.self_attn.k_proj.weight
    v     10 - - 16x64   model.layers.10.self_attn.v_proj.weight
    o     10 - - 64x64   model.layers.10.self_attn.o_proj.weight
    other 10 - - 8       model.layers.10.self_attn.rotary_emb.inv_freq
    gate  10 - - 256x64  model.layers.10.mlp.gate_proj.weight
    up    10 - - 256x64  model.layers.10.mlp.up_proj.weight
    down  10 - - 64x256  model.layers.10.mlp.down_proj.weight
    norm  10 - - 64      model.layers.10.input_layernorm.weight
    norm  -  - - 64      model.norm.weight
    head  -  - - 1000x64 lm_head.weight
    """,
    "llama as first published": """
    embed - - - 1000x64 tok_embeddings.weight
    q     3 - - 64x64   layers.3.attention.wq.weight
    k     3 - - 64x64   layers.3.attention.wk.weight
    v     3 - - 64x64   layers.3.attention.wv.weight
    o     3 - - 64x64   layers.3.attention.wo.weight
    gate  3 - - 256x64  layers.3.feed_forward.w1.weight
    down  3 - - 64x256  layers.3.feed_forward.w2.weight
    up    3 - - 256x64  layers.3.feed_forward.w3.weight
    head  - - - 1000x64 output.weight
    """,
    "qwen2": """
    q    0 - - 64x64 model.layers.0.self_attn.q_proj.weight
    bias 0 - - 64    model.layers.0.self_attn.q_proj.bias
    norm 0 - - 16    model.layers.0.self_attn.q_norm.weight
    """,
    "qwen 1": """
    qkv  2 - - 192x64 transformer.h.2.attn.c_attn.weight
    o    2 - - 64x64  transformer.h.2.attn.c_proj.weight
    up   2 - - 256x64 transformer.h.2.mlp.w1.weight
    gate 2 - - 256x64 transformer.h.2.mlp.w2.weight
    down 2 - - 64x256 transformer.h.2.mlp.c_proj.weight
    """,
    "phi-3": """
    qkv     0 - - 192x64 model.layers.0.self_attn.qkv_proj.weight
    o       0 - - 64x64  model.layers.0.self_attn.o_proj.weight
    gate_up 0 - - 512x64 model.layers.0.mlp.gate_up_proj.weight
    down    0 - - 64x256 model.layers.0.mlp.down_proj.weight
    """,
    "phi-2": """
    o       0 - - 64x64  model.layers.0.self_attn.dense.weight
    ffn_in  0 - - 256x64 model.layers.0.mlp.fc1.weight
    ffn_out 0 - - 64x256 model.layers.0.mlp.fc2.weight
    """,
    "gemma 3": """
    embed  - text   - 1000x64 language_model.model.embed_tokens.weight
    q      4 text   - 64x64   language_model.model.layers.4.self_attn.q_proj.weight
    norm   4 text   - 64      language_model.model.layers.4.pre_feedforward_layernorm.weight
    o      4 vision - 64x64   vision_tower.vision_model.encoder.layers.4.self_attn.out_proj.weight
    ffn_in 4 vision - 256x64  vision_tower.vision_model.encoder.layers.4.mlp.fc1.weight
    other  - -      - 64x64   multi_modal_projector.mm_input_projection_weight
    """,
    "nemotron, mpt": """
    ffn_in  0 - - 256x64 model.layers.0.mlp.up_proj.weight
    ffn_out 0 - - 64x256 model.layers.0.mlp.down_proj.weight
    qkv     0 - - 192x64 transformer.blocks.0.attn.Wqkv.weight
    o       0 - - 64x64  transformer.blocks.0.attn.out_proj.weight
    ffn_in  0 - - 256x64 transformer.blocks.0.ffn.up_proj.weight
    ffn_out 0 - - 64x256 transformer.blocks.0.ffn.down_proj.weight
    """,
    "gpt-neox": """
    embed   - - - 1000x64   gpt_neox.embed_in.weight
    qkv     5 - - 192x64    gpt_neox.layers.5.attention.query_key_value.weight
    o       5 - - 64x64     gpt_neox.layers.5.attention.dense.weight
    other   5 - - 1x1x32x32 gpt_neox.layers.5.attention.bias
    other   5 - - ()        gpt_neox.layers.5.attention.masked_bias
    ffn_in  5 - - 256x64    gpt_neox.layers.5.mlp.dense_h_to_4h.weight
    ffn_out 5 - - 64x256    gpt_neox.layers.5.mlp.dense_4h_to_h.weight
    head    - - - 1000x64   embed_out.weight
    """,
    "falcon": """
    embed   - - - 1000x64 transformer.word_embeddings.weight
    qkv     0 - - 96x64   transformer.h.0.self_attention.query_key_value.weight
    o       0 - - 64x64   transformer.h.0.self_attention.dense.weight
    ffn_in  0 - - 256x64  transformer.h.0.mlp.dense_h_to_4h.weight
    ffn_out 0 - - 64x256  transformer.h.0.mlp.dense_4h_to_h.weight
    norm    - - - 64      transformer.ln_f.weight
    bias    - - - 64      transformer.ln_f.bias
    """,
    "chatglm, gated in one": """
    gate_up 0 encoder - 512x64 transformer.encoder.layers.0.mlp.dense_h_to_4h.weight
    down    0 encoder - 64x256 transformer.encoder.layers.0.mlp.dense_4h_to_h.weight
    """,
    "gpt-2": """
    embed   - - - 1000x64   wte.weight
    embed   - - - 32x64     wpe.weight
    other   0 - - 1x1x32x32 h.0.attn.bias
    qkv     0 - - 64x192    h.0.attn.c_attn.weight
    bias    0 - - 192       h.0.attn.c_attn.bias
    o       0 - - 64x64     h.0.attn.c_proj.weight
    ffn_in  0 - - 64x256    h.0.mlp.c_fc.weight
    ffn_out 0 - - 256x64    h.0.mlp.c_proj.weight
    norm    0 - - 64        h.0.ln_1.weight
    kv      0 - - 64x128    h.0.crossattention.c_attn.weight
    """,
    "gpt-j": """
    q       0 - - 64x64  transformer.h.0.attn.q_proj.weight
    o       0 - - 64x64  transformer.h.0.attn.out_proj.weight
    ffn_in  0 - - 256x64 transformer.h.0.mlp.fc_in.weight
    ffn_out 0 - - 64x256 transformer.h.0.mlp.fc_out.weight
    """,
    "mamba": """
    ssm  0 - - 512x64 backbone.layers.0.mixer.in_proj.weight
    ssm  0 - - 64x64  backbone.layers.0.mixer.x_proj.weight
    ssm  0 - - 64x256 backbone.layers.0.mixer.out_proj.weight
    bias 0 - - 64     backbone.layers.0.mixer.dt_proj.bias
    """,
    "olmo as first published": """
    embed   - - - 1000x64 model.transformer.wte.weight
    qkv     4 - - 192x64  model.transformer.blocks.4.att_proj.weight
    o       4 - - 64x64   model.transformer.blocks.4.attn_out.weight
    gate_up 4 - - 512x64  model.transformer.blocks.4.ff_proj.weight
    down    4 - - 64x256  model.transformer.blocks.4.ff_out.weight
    head    - - - 1000x64 model.transformer.ff_out.weight
    """,
    "olmo 2": """
    q    0 - - 64x64 model.layers.0.self_attn.q_proj.weight
    norm 0 - - 64    model.layers.0.self_attn.q_norm.weight
    norm 0 - - 64    model.layers.0.self_attn.k_norm.weight
    norm 0 - - 64    model.layers.0.post_attention_layernorm.weight
    """,
    "gemma 3n": """
    embed - text - 1000x64 model.language_model.embed_tokens_per_layer.weight
    norm  2 text - 16      model.language_model.layers.2.self_attn.v_norm.weight
    other 2 text - 16x64   model.language_model.layers.2.per_layer_input_gate.weight
    gate  2 text - 256x64  model.language_model.layers.2.mlp.gate_proj.weight
    up    2 text - 256x64  model.language_model.layers.2.mlp.up_proj.weight
    """,
    "internlm 2": """
    embed - - - 1000x64 model.tok_embeddings.weight
    qkv   7 - - 128x64  model.layers.7.attention.wqkv.weight
    o     7 - - 64x64   model.layers.7.attention.wo.weight
    gate  7 - - 256x64  model.layers.7.feed_forward.w1.weight
    down  7 - - 64x256  model.layers.7.feed_forward.w2.weight
    up    7 - - 256x64  model.layers.7.feed_forward.w3.weight
    head  - - - 1000x64 output.weight
    """,
    "baichuan": """
    qkv 0 - - 192x64 model.layers.0.self_attn.W_pack.weight
    o   0 - - 64x64  model.layers.0.self_attn.o_proj.weight
    """,
    "bloom": """
    norm   - - - 64     transformer.word_embeddings_layernorm.weight
    qkv    3 - - 192x64 transformer.h.3.self_attention.query_key_value.weight
    ffn_in 3 - - 256x64 transformer.h.3.mlp.dense_h_to_4h.weight
    """,
    "codegen": """
    qkv     0 - - 192x64 transformer.h.0.attn.qkv_proj.weight
    o       0 - - 64x64  transformer.h.0.attn.out_proj.weight
    ffn_out 0 - - 64x256 transformer.h.0.mlp.fc_out.weight
    """,
    "phi as first published": """
    qkv    1 - - 192x64 transformer.h.1.mixer.Wqkv.weight
    o      1 - - 64x64  transformer.h.1.mixer.out_proj.weight
    ffn_in 1 - - 256x64 transformer.h.1.mlp.fc1.weight
    """,
    "opt": """
    embed  - decoder - 514x64 model.decoder.embed_positions.weight
    q      0 decoder - 64x64  model.decoder.layers.0.self_attn.q_proj.weight
    o      0 decoder - 64x64  model.decoder.layers.0.self_attn.out_proj.weight
    ffn_in 0 decoder - 256x64 model.decoder.layers.0.fc1.weight
    other  - decoder - 32x64  model.decoder.project_out.weight
    """,
    "gpt-neo": """
    q       0 - - 64x64  transformer.h.0.attn.attention.q_proj.weight
    o       0 - - 64x64  transformer.h.0.attn.attention.out_proj.weight
    ffn_out 0 - - 64x256 transformer.h.0.mlp.c_proj.weight
    """,
    "starcoder 2": """
    ffn_in  5 - - 256x64 model.layers.5.mlp.c_fc.weight
    ffn_out 5 - - 64x256 model.layers.5.mlp.c_proj.weight
    """,
    "cohere": """
    norm 0 - - 4x16  model.layers.0.self_attn.q_norm.weight
    q    0 - - 64x64 model.layers.0.self_attn.q_proj.weight
    """,
    "jamba": """
    ssm    0 - - 256x64  model.layers.0.mamba.in_proj.weight
    ssm    0 - - 40x128  model.layers.0.mamba.x_proj.weight
    ssm    0 - - 128x8   model.layers.0.mamba.dt_proj.weight
    ssm    0 - - 64x128  model.layers.0.mamba.out_proj.weight
    other  0 - - 128x16  model.layers.0.mamba.A_log
    other  0 - - 128x1x4 model.layers.0.mamba.conv1d.weight
    router 1 - - 4x64    model.layers.1.feed_forward.router.weight
    down   1 - 3 64x256  model.layers.1.feed_forward.experts.3.down_proj.weight
    gate   1 - 3 256x64  model.layers.1.feed_forward.experts.3.gate_proj.weight
    o      2 - - 64x64   model.layers.2.self_attn.o_proj.weight
    """,
    "nemotron-h": """
    embed   - - - 1000x64 backbone.embeddings.weight
    ssm     0 - - 300x64  backbone.layers.0.mixer.in_proj.weight
    ssm     0 - - 64x128  backbone.layers.0.mixer.out_proj.weight
    norm    0 - - 128     backbone.layers.0.mixer.norm.weight
    ffn_in  1 - - 256x64  backbone.layers.1.mixer.up_proj.weight
    ffn_out 1 - - 64x256  backbone.layers.1.mixer.down_proj.weight
    q       2 - - 64x64   backbone.layers.2.mixer.q_proj.weight
    o       2 - - 64x64   backbone.layers.2.mixer.o_proj.weight
    """,
    "lfm 2": """
    q     2 - - 64x64  model.layers.2.self_attn.q_proj.weight
    o     2 - - 64x64  model.layers.2.self_attn.out_proj.weight
    norm  2 - - 16     model.layers.2.self_attn.q_layernorm.weight
    gate  2 - - 256x64 model.layers.2.feed_forward.w1.weight
    down  2 - - 64x256 model.layers.2.feed_forward.w2.weight
    up    2 - - 256x64 model.layers.2.feed_forward.w3.weight
    other 0 - - 192x64 model.layers.0.conv.in_proj.weight
    other 0 - - 64x64  model.layers.0.conv.out_proj.weight
    """,
    "gpt-2 with cross-attention": """
    q   0 - - 64x64  transformer.h.0.crossattention.q_attn.weight
    kv  0 - - 64x128 transformer.h.0.crossattention.c_attn.weight
    o   0 - - 64x64  transformer.h.0.crossattention.c_proj.weight
    qkv 0 - - 64x192 transformer.h.0.attn.c_attn.weight
    """,
}
