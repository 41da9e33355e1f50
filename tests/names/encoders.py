"""Encoders, encoder-decoders, and towers for images and sound."""

FAMILIES = {
    "qwen2-vl": """
    qkv     31 vision - 192x64       visual.blocks.31.attn.qkv.weight
    o       31 vision - 64x64        visual.blocks.31.attn.proj.weight
    ffn_in  31 vision - 256x64       visual.blocks.31.mlp.fc1.weight
    ffn_out 31 vision - 64x256       visual.blocks.31.mlp.fc2.weight
    other   -  vision - 64x3x2x14x14 visual.patch_embed.proj.weight
    q       0  -      - 64x64        model.layers.0.self_attn.q_proj.weight
    """,
    "bert": """
    embed   - -       - 1000x64 embeddings.word_embeddings.weight
    embed   - -       - 512x64  embeddings.position_embeddings.weight
    embed   - -       - 2x64    embeddings.token_type_embeddings.weight
    other   - -       - 1x512   embeddings.position_ids
    q       2 encoder - 64x64   encoder.layer.2.attention.self.query.weight
    k       2 encoder - 64x64   encoder.layer.2.attention.self.key.weight
    v       2 encoder - 64x64   encoder.layer.2.attention.self.value.weight
    o       2 encoder - 64x64   encoder.layer.2.attention.output.dense.weight
    norm    2 encoder - 64      encoder.layer.2.attention.output.LayerNorm.weight
    norm    2 encoder - 64      encoder.layer.2.attention.output.LayerNorm.gamma
    bias    2 encoder - 64      encoder.layer.2.attention.output.LayerNorm.beta
    ffn_in  2 encoder - 256x64  encoder.layer.2.intermediate.dense.weight
    ffn_out 2 encoder - 64x256  encoder.layer.2.output.dense.weight
    bias    2 encoder - 64      encoder.layer.2.output.dense.bias
    other   - -       - 64x64   pooler.dense.weight
    head    - -       - 1000x64 cls.predictions.decoder.weight
    """,
    "distilbert": """
    q       0 - - 64x64   distilbert.transformer.layer.0.attention.q_lin.weight
    o       0 - - 64x64   distilbert.transformer.layer.0.attention.out_lin.weight
    ffn_in  0 - - 256x64  distilbert.transformer.layer.0.ffn.lin1.weight
    ffn_out 0 - - 64x256  distilbert.transformer.layer.0.ffn.lin2.weight
    other   - - - 64x64   vocab_transform.weight
    head    - - - 1000x64 vocab_projector.weight
    """,
    "modernbert": """
    embed   -  - - 1000x64 model.embeddings.tok_embeddings.weight
    qkv     21 - - 192x64  model.layers.21.attn.Wqkv.weight
    o       21 - - 64x64   model.layers.21.attn.Wo.weight
    gate_up 21 - - 512x64  model.layers.21.mlp.Wi.weight
    down    21 - - 64x256  model.layers.21.mlp.Wo.weight
    other   -  - - 64x64   head.dense.weight
    head    -  - - 1000x64 decoder.weight
    """,
    "t5": """
    embed   -  -       - 1000x64 shared.weight
    q       0  encoder - 64x64   encoder.block.0.layer.0.SelfAttention.q.weight
    other 0 decoder - 32x8 decoder.block.0.layer.0.SelfAttention.relative_attention_bias.weight
    ffn_in  0  encoder - 256x64  encoder.block.0.layer.1.DenseReluDense.wi.weight
    ffn_out 0  encoder - 64x256  encoder.block.0.layer.1.DenseReluDense.wo.weight
    k       11 decoder - 64x64   decoder.block.11.layer.1.EncDecAttention.k.weight
    o       11 decoder - 64x64   decoder.block.11.layer.1.EncDecAttention.o.weight
    norm    -  decoder - 64      decoder.final_layer_norm.weight
    """,
    "t5 v1.1": """
    gate 3 encoder - 256x64 encoder.block.3.layer.1.DenseReluDense.wi_0.weight
    up   3 encoder - 256x64 encoder.block.3.layer.1.DenseReluDense.wi_1.weight
    down 3 encoder - 64x256 encoder.block.3.layer.1.DenseReluDense.wo.weight
    """,
    "vit": """
    other   - -       - 1x1x64     vit.embeddings.cls_token
    other   - -       - 1x197x64   vit.embeddings.position_embeddings
    other   - -       - 64x3x16x16 vit.embeddings.patch_embeddings.projection.weight
    q       0 encoder - 64x64      vit.encoder.layer.0.attention.attention.query.weight
    o       0 encoder - 64x64      vit.encoder.layer.0.attention.output.dense.weight
    ffn_in  0 encoder - 256x64     vit.encoder.layer.0.intermediate.dense.weight
    ffn_out 0 encoder - 64x256     vit.encoder.layer.0.output.dense.weight
    norm    0 encoder - 64         vit.encoder.layer.0.layernorm_before.weight
    """,
    "clip": """
    embed   - text   - 1000x64 text_model.embeddings.token_embedding.weight
    other   - text   - 1x77    text_model.embeddings.position_ids
    q       0 text   - 64x64   text_model.encoder.layers.0.self_attn.q_proj.weight
    v       0 vision - 64x64   vision_model.encoder.layers.0.self_attn.v_proj.weight
    ffn_out 0 vision - 64x256  vision_model.encoder.layers.0.mlp.fc2.weight
    other   - vision - 64      vision_model.embeddings.class_embedding
    other   - -      - 64x64   text_projection.weight
    other   - -      - ()      logit_scale
    """,
    "clip as first published": """
    qkv     7 vision - 192x64 visual.transformer.resblocks.7.attn.in_proj_weight
    bias    7 vision - 192    visual.transformer.resblocks.7.attn.in_proj_bias
    o       7 -      - 64x64  transformer.resblocks.7.attn.out_proj.weight
    ffn_in  7 -      - 256x64 transformer.resblocks.7.mlp.c_fc.weight
    ffn_out 7 -      - 64x256 transformer.resblocks.7.mlp.c_proj.weight
    norm    - vision - 64     visual.ln_post.weight
    other   - -      - 77x64  positional_embedding
    """,
    "whisper": """
    other   - encoder - 64x80x3 model.encoder.conv1.weight
    q       1 encoder - 64x64   model.encoder.layers.1.self_attn.q_proj.weight
    ffn_in  1 encoder - 256x64  model.encoder.layers.1.fc1.weight
    o       1 decoder - 64x64   model.decoder.layers.1.encoder_attn.out_proj.weight
    ffn_out 1 decoder - 64x256  model.decoder.layers.1.fc2.weight
    embed   - decoder - 1000x64 model.decoder.embed_tokens.weight
    head    - -       - 1000x64 proj_out.weight
    """,
    "bart": """
    embed - - - 1000x64 model.shared.weight
    bias  - - - 1x1000  final_logits_bias
    """,
    "audio in a language model": """
    k 2 audio - 64x64 audio_tower.layers.2.self_attn.k_proj.weight
    """,
    "bert with cross-attention": """
    q       1 decoder - 64x64   decoder.bert.encoder.layer.1.crossattention.self.query.weight
    o       1 decoder - 64x64   decoder.bert.encoder.layer.1.crossattention.output.dense.weight
    ffn_out 1 decoder - 64x256  decoder.bert.encoder.layer.1.output.dense.weight
    q       1 encoder - 64x64   encoder.encoder.layer.1.attention.attention.query.weight
    head    - decoder - 1000x64 decoder.cls.predictions.decoder.weight
    other   - decoder - 64x64   decoder.cls.predictions.transform.dense.weight
    """,
    "deberta, first and second": """
    qkv   0 encoder - 192x64 deberta.encoder.layer.0.attention.self.in_proj.weight
    other 0 encoder - 64x64  deberta.encoder.layer.0.attention.self.pos_proj.weight
    q     1 encoder - 64x64  deberta.encoder.layer.1.attention.self.query_proj.weight
    v     1 encoder - 64x64  deberta.encoder.layer.1.attention.self.value_proj.weight
    other - encoder - 512x64 deberta.encoder.rel_embeddings.weight
    """,
    "dino v2, dino v3": """
    v       0 encoder - 64x64  dinov2.encoder.layer.0.attention.attention.value.weight
    o       0 encoder - 64x64  dinov2.encoder.layer.0.attention.output.dense.weight
    ffn_in  0 encoder - 256x64 dinov2.encoder.layer.0.mlp.fc1.weight
    ffn_out 0 encoder - 64x256 dinov2.encoder.layer.0.mlp.fc2.weight
    k       3 -       - 64x64  layer.3.attention.k_proj.weight
    o       3 -       - 64x64  layer.3.attention.o_proj.weight
    up      3 -       - 256x64 layer.3.mlp.up_proj.weight
    gate    3 -       - 256x64 layer.3.mlp.gate_proj.weight
    """,
    "conformer": """
    ffn_in  0 encoder - 256x64 model.encoder.layers.0.feed_forward1.linear1.weight
    ffn_out 0 encoder - 64x256 model.encoder.layers.0.feed_forward1.linear2.weight
    ffn_in  0 encoder - 256x64 model.encoder.layers.0.feed_forward2.linear1.weight
    ffn_out 0 encoder - 64x256 model.encoder.layers.0.feed_forward2.linear2.weight
    other   0 encoder - 64x64  model.encoder.layers.0.self_attn.relative_k_proj.weight
    """,
    "granite speech": """
    q  0 encoder - 64x64  model.encoder.layers.0.attn.to_q.weight
    kv 0 encoder - 128x64 model.encoder.layers.0.attn.to_kv.weight
    o  0 encoder - 64x64  model.encoder.layers.0.attn.to_out.weight
    """,
    "xlnet, bark, prophetnet": """
    ffn_in  0 -       - 256x64 transformer.layer.0.ff.layer_1.weight
    ffn_out 0 -       - 64x256 transformer.layer.0.ff.layer_2.weight
    ffn_in  0 -       - 256x64 semantic.layers.0.mlp.in_proj.weight
    ffn_out 0 -       - 64x256 semantic.layers.0.mlp.out_proj.weight
    ffn_in  0 decoder - 256x64 prophetnet.decoder.layers.0.feed_forward.intermediate.weight
    ffn_out 0 decoder - 64x256 prophetnet.decoder.layers.0.feed_forward.output.weight
    """,
    "kimi's images, sam 2": """
    q       0 vision - 64x64  model.vision_tower.layers.0.attn.q_proj.weight
    o       0 vision - 64x64  model.vision_tower.layers.0.attn.proj.weight
    qkv     0 vision - 192x64 vision_encoder.backbone.blocks.0.attn.qkv.weight
    ffn_in  0 vision - 256x64 vision_encoder.backbone.blocks.0.mlp.proj_in.weight
    ffn_out 0 vision - 64x256 vision_encoder.backbone.blocks.0.mlp.proj_out.weight
    """,
    "dino v2 giant": """
    gate_up 0 encoder - 352x64 dinov2.encoder.layer.0.mlp.weights_in.weight
    down    0 encoder - 64x176 dinov2.encoder.layer.0.mlp.weights_out.weight
    gate_up 1 -       - 352x64 blocks.1.mlp.w12.weight
    down    1 -       - 64x176 blocks.1.mlp.w3.weight
    """,
    "swin": """
    q       0 encoder - 96x96   swin.encoder.layers.0.blocks.0.attention.self.query.weight
    ffn_in  0 encoder - 384x96  swin.encoder.layers.0.blocks.0.intermediate.dense.weight
    o       1 encoder - 96x96   swin.encoder.layers.0.blocks.1.attention.output.dense.weight
    other   - encoder - 192x384 swin.encoder.layers.0.downsample.reduction.weight
    k       2 encoder - 192x192 swin.encoder.layers.1.blocks.0.attention.self.key.weight
    ffn_out 3 encoder - 192x768 swin.encoder.layers.1.blocks.1.output.dense.weight
    other 4 encoder - 144x2 swin.encoder.layers.2.blocks.0.attention.self.relative_position_index
    v       9 encoder - 384x384 swin.encoder.layers.2.blocks.5.attention.self.value.weight
    """,
    "swin in timm": """
    qkv     0 - - 288x96  layers.0.blocks.0.attn.qkv.weight
    o       0 - - 96x96   layers.0.blocks.0.attn.proj.weight
    ffn_in  0 - - 384x96  layers.0.blocks.0.mlp.fc1.weight
    ffn_out 0 - - 96x384  layers.0.blocks.0.mlp.fc2.weight
    qkv     1 - - 576x192 layers.1.blocks.0.attn.qkv.weight
    ffn_in  1 - - 768x192 layers.1.blocks.0.mlp.fc1.weight
    ffn_out 1 - - 192x768 layers.1.blocks.0.mlp.fc2.weight
    """,
    "segformer": """
    q     0 encoder - 32x32     segformer.encoder.block.0.0.attention.self.query.weight
    other 0 encoder - 32x32x8x8 segformer.encoder.block.0.0.attention.self.sr.weight
    o     1 encoder - 32x32     segformer.encoder.block.0.1.attention.output.dense.weight
    q     2 encoder - 64x64     segformer.encoder.block.1.0.attention.self.query.weight
    """,
    "siglip": """
    q     0 vision - 64x64  vision_model.encoder.layers.0.self_attn.q_proj.weight
    qkv   - vision - 192x64 vision_model.head.attention.in_proj_weight
    o     - vision - 64x64  vision_model.head.attention.out_proj.weight
    other - vision - 1x1x64 vision_model.head.probe
    """,
    "blip": """
    qkv     0 vision  - 192x64 vision_model.encoder.layers.0.self_attn.qkv.weight
    o       0 vision  - 64x64  vision_model.encoder.layers.0.self_attn.projection.weight
    q       0 encoder - 64x64  qformer.encoder.layer.0.crossattention.attention.query.weight
    ffn_in  0 encoder - 256x64 qformer.encoder.layer.0.intermediate_query.dense.weight
    ffn_out 0 encoder - 64x256 qformer.encoder.layer.0.output_query.dense.weight
    """,
    "llava": """
    q      0 vision - 64x64   vision_tower.vision_model.encoder.layers.0.self_attn.q_proj.weight
    ffn_in 0 vision - 256x64  vision_tower.vision_model.encoder.layers.0.mlp.fc1.weight
    other  - -      - 64x64   multi_modal_projector.linear_1.weight
    gate   0 text   - 256x64  language_model.model.layers.0.mlp.gate_proj.weight
    up     0 text   - 256x64  language_model.model.layers.0.mlp.up_proj.weight
    head   - text   - 1000x64 language_model.lm_head.weight
    """,
    "qwen 2.5-vl, internvl, pixtral": """
    gate  0 vision - 256x64 visual.blocks.0.mlp.gate_proj.weight
    down  0 vision - 64x256 visual.blocks.0.mlp.down_proj.weight
    other - vision - 64x256 visual.merger.mlp.0.weight
    o     0 vision - 64x64  model.vision_tower.encoder.layer.0.attention.projection_layer.weight
    q     0 vision - 64x64  vision_tower.transformer.layers.0.attention.q_proj.weight
    o     0 vision - 64x64  vision_tower.transformer.layers.0.attention.o_proj.weight
    """,
    "whisper as first published": """
    q       0 encoder - 64x64  encoder.blocks.0.attn.query.weight
    o       0 encoder - 64x64  encoder.blocks.0.attn.out.weight
    ffn_in  0 encoder - 256x64 encoder.blocks.0.mlp.0.weight
    ffn_out 0 encoder - 64x256 encoder.blocks.0.mlp.2.weight
    k       0 decoder - 64x64  decoder.blocks.0.cross_attn.key.weight
    q       0 decoder - 64x64  decoder.blocks.0.cross_attn.query.weight
    o       0 decoder - 64x64  decoder.blocks.0.cross_attn.out.weight
    """,
    "wav2vec 2": """
    q       0 encoder - 64x64  wav2vec2.encoder.layers.0.attention.q_proj.weight
    ffn_in  0 encoder - 256x64 wav2vec2.encoder.layers.0.feed_forward.intermediate_dense.weight
    ffn_out 0 encoder - 64x256 wav2vec2.encoder.layers.0.feed_forward.output_dense.weight
    other   - -       - 64x64  wav2vec2.feature_projection.projection.weight
    """,
    "timesformer": """
    qkv     0 encoder - 192x64 timesformer.encoder.layer.0.attention.attention.qkv.weight
    o       0 encoder - 64x64  timesformer.encoder.layer.0.attention.output.dense.weight
    qkv     0 encoder - 192x64 timesformer.encoder.layer.0.temporal_attention.attention.qkv.weight
    o       0 encoder - 64x64  timesformer.encoder.layer.0.temporal_attention.output.dense.weight
    other   0 encoder - 64x64  timesformer.encoder.layer.0.temporal_dense.weight
    ffn_in  0 encoder - 256x64 timesformer.encoder.layer.0.intermediate.dense.weight
    ffn_out 0 encoder - 64x256 timesformer.encoder.layer.0.output.dense.weight
    """,
    "lxmert": """
    q       0 encoder - 64x64  lxmert.encoder.layer.0.attention.self.query.weight
    ffn_in  0 encoder - 256x64 lxmert.encoder.layer.0.intermediate.dense.weight
    ffn_out 0 encoder - 64x256 lxmert.encoder.layer.0.output.dense.weight
    q       0 encoder - 64x64  lxmert.encoder.x_layers.0.visual_attention.att.query.weight
    k       0 encoder - 64x64  lxmert.encoder.x_layers.0.visual_attention.att.key.weight
    v       0 encoder - 64x64  lxmert.encoder.x_layers.0.visual_attention.att.value.weight
    o       0 encoder - 64x64  lxmert.encoder.x_layers.0.visual_attention.output.dense.weight
    q       0 encoder - 64x64  lxmert.encoder.x_layers.0.lang_self_att.self.query.weight
    k       0 encoder - 64x64  lxmert.encoder.x_layers.0.lang_self_att.self.key.weight
    o       0 encoder - 64x64  lxmert.encoder.x_layers.0.lang_self_att.output.dense.weight
    v       0 encoder - 64x64  lxmert.encoder.x_layers.0.visn_self_att.self.value.weight
    o       0 encoder - 64x64  lxmert.encoder.x_layers.0.visn_self_att.output.dense.weight
    """,
    "vit-mae, videoprism, perceiver, fastspeech 2": """
    q       7 decoder - 64x64  decoder.decoder_layers.7.attention.attention.query.weight
    v       3 vision  - 64x64  vision_model.temporal_layers.3.attention.v_proj.weight
    k       9 vision  - 64x64  vision_model.spatial_layers.9.attention.k_proj.weight
    q       5 -       - 64x64  perceiver.self_attends.5.attention.self.query.weight
    q       2 -       - 64x64  conformer_layers.2.self_attn.q_proj.weight
    """,
}
