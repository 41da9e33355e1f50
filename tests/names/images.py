"""Diffusion transformers, and networks that see, as timm names them."""

FAMILIES = {
    "flux": """
    q       18 - - 64x64  transformer_blocks.18.attn.to_q.weight
    k       18 - - 64x64  transformer_blocks.18.attn.add_k_proj.weight
    o       18 - - 64x64  transformer_blocks.18.attn.to_out.0.weight
    o       18 - - 64x64  transformer_blocks.18.attn.to_add_out.weight
    ffn_in  18 - - 256x64 transformer_blocks.18.ff.net.0.proj.weight
    ffn_out 18 - - 64x256 transformer_blocks.18.ff.net.2.weight
    other   18 - - 384x64 transformer_blocks.18.norm1.linear.weight
    v       37 - - 64x64  single_transformer_blocks.37.attn.to_v.weight
    other   37 - - 64x320 single_transformer_blocks.37.proj_out.weight
    other   -  - - 16x64  proj_out.weight
    """,
    "stable diffusion": """
    k       0 - - 64x96  down_blocks.1.attentions.0.transformer_blocks.0.attn2.to_k.weight
    gate_up 0 - - 512x64 down_blocks.1.attentions.0.transformer_blocks.0.ff.net.0.proj.weight
    down    0 - - 64x256 down_blocks.1.attentions.0.transformer_blocks.0.ff.net.2.weight
    """,
    "stable diffusion 3": """
    v       0 - - 64x64  transformer_blocks.0.attn.add_v_proj.weight
    norm    0 - - 16     transformer_blocks.0.attn.norm_added_q.weight
    ffn_in  0 - - 256x64 transformer_blocks.0.ff_context.net.0.proj.weight
    ffn_out 0 - - 64x256 transformer_blocks.0.ff_context.net.2.weight
    """,
    "stable audio 3, and its encoder": """
    q       0 - - 128x64 transformer_blocks.0.cross_attn.to_q.weight
    kv      0 - - 192x64 transformer_blocks.0.cross_attn.to_kv.weight
    o       0 - - 64x64  transformer_blocks.0.cross_attn.to_out.weight
    qkv     0 - - 320x64 transformer_blocks.0.self_attn.to_qkv.weight
    o       0 - - 64x64  transformer_blocks.0.self_attn.to_out.weight
    gate_up 0 - - 512x64 transformer_blocks.0.ff.proj_in.weight
    down    0 - - 64x256 transformer_blocks.0.ff.proj_out.weight
    qkv     1 - - 192x64 blocks.1.attn.to_qkv.weight
    o       1 - - 64x64  blocks.1.attn.to_out.weight
    q       2 - - 64x64  layers.2.self_attn.to_q.weight
    o       2 - - 64x64  layers.2.self_attn.to_out.weight
    """,
    "flux as first published": """
    qkv     3 - - 192x64 double_blocks.3.img_attn.qkv.weight
    o       3 - - 64x64  double_blocks.3.img_attn.proj.weight
    ffn_in  3 - - 256x64 double_blocks.3.img_mlp.0.weight
    ffn_out 3 - - 64x256 double_blocks.3.img_mlp.2.weight
    qkv     3 - - 192x64 double_blocks.3.txt_attn.qkv.weight
    o       3 - - 64x64  double_blocks.3.txt_attn.proj.weight
    other   5 - - 448x64 single_blocks.5.linear1.weight
    """,
    "flux in diffusers, single blocks": """
    q      9 - - 64x64  single_transformer_blocks.9.attn.to_q.weight
    ffn_in 9 - - 256x64 single_transformer_blocks.9.proj_mlp.weight
    other  9 - - 64x320 single_transformer_blocks.9.proj_out.weight
    """,
    "wan, qwen-image, z-image": """
    q       0 - - 64x64  blocks.0.attn1.to_q.weight
    ffn_in  0 - - 256x64 blocks.0.ffn.net.0.proj.weight
    ffn_out 0 - - 64x256 blocks.0.ffn.net.2.weight
    ffn_in  1 - - 256x64 transformer_blocks.1.img_mlp.net.0.proj.weight
    ffn_out 1 - - 64x256 transformer_blocks.1.img_mlp.net.2.weight
    o       2 - - 64x64  layers.2.attention.to_out.0.weight
    gate    2 - - 256x64 layers.2.feed_forward.w1.weight
    down    2 - - 64x256 layers.2.feed_forward.w2.weight
    up      2 - - 256x64 layers.2.feed_forward.w3.weight
    """,
    "fastvit, efficientformer, caformer": """
    qkv     - - - 192x64 stages.3.blocks.1.token_mixer.qkv.weight
    o       - - - 64x64  stages.3.blocks.1.token_mixer.proj.weight
    """,
    "coat": """
    qkv     0 - - 192x64 parallel_blocks.0.factoratt_crpe.qkv.weight
    o       0 - - 64x64  parallel_blocks.0.factoratt_crpe.proj.weight
    """,
    "pvt, volo": """
    q       1 - - 64x64  stages.0.blocks.1.attn.q.weight
    kv      1 - - 128x64 stages.0.blocks.1.attn.kv.weight
    o       1 - - 64x64  stages.0.blocks.1.attn.proj.weight
    """,
    "crossvit": """
    q       0 - - 64x64  blocks.0.fusion.0.0.attn.wq.weight
    o       0 - - 64x64  blocks.0.fusion.0.0.attn.proj.weight
    """,
    "levit": """
    qkv     0 - - 128x64 stages.0.blocks.0.attn.qkv.linear.weight
    """,
    "vitamin": """
    gate    0 - - 128x64 blocks.0.mlp.w0.weight
    up      0 - - 128x64 blocks.0.mlp.w1.weight
    down    0 - - 64x128 blocks.0.mlp.w2.weight
    """,
}
