"""Models of images."""

from __future__ import annotations

from families.arguments import (
    Family,
    llama_like,
    multimodal_rope,
    text_and_vision,
    vision_like,
    without_kv,
)

VISION = (
    Family("vit", "ViTConfig", "ViTForImageClassification", vision_like, "pixels"),
    Family(
        "dinov2", "Dinov2Config", "Dinov2Model", lambda s: vision_like(s, mlp_ratio=2), "pixels"
    ),
    Family(
        "dinov2_swiglu",
        "Dinov2Config",
        "Dinov2Model",
        lambda s: vision_like(s, mlp_ratio=2, use_swiglu_ffn=True),
        "pixels",
    ),
    Family("beit", "BeitConfig", "BeitModel", vision_like, "pixels"),
    Family(
        "swin",
        "SwinConfig",
        "SwinForImageClassification",
        lambda s: {
            "image_size": 32,
            "patch_size": 4,
            "embed_dim": s.hidden // 2,
            "depths": [2, 2],
            "num_heads": [2, 4],
            "window_size": 2,
            "mlp_ratio": 2.0,
        },
        "pixels",
    ),
    Family(
        "clip",
        "CLIPConfig",
        "CLIPModel",
        lambda s: text_and_vision(s, without_kv(s), vision_like(s), projection_dim=s.hidden // 2),
        "pixels_and_tokens",
    ),
    Family(
        "siglip",
        "SiglipConfig",
        "SiglipModel",
        lambda s: text_and_vision(s, without_kv(s, projection_size=s.hidden), vision_like(s)),
        "pixels_and_tokens",
    ),
    Family(
        "llava",
        "LlavaConfig",
        "LlavaForConditionalGeneration",
        lambda s: text_and_vision(
            s,
            llama_like(s, model_type="llama"),
            vision_like(s, model_type="clip_vision_model"),
            image_token_index=3,
            vision_feature_layer=-1,
            tie_word_embeddings=False,
        ),
        "image_in_tokens",
    ),
    Family(
        "qwen2_vl",
        "Qwen2VLConfig",
        "Qwen2VLForConditionalGeneration",
        lambda s: text_and_vision(
            s,
            llama_like(s, rope_parameters=multimodal_rope(s.head_dim)),
            {
                "depth": s.layers,
                "embed_dim": s.hidden,
                "hidden_size": s.hidden,
                "num_heads": s.heads,
                "mlp_ratio": 2,
                "patch_size": 4,
                "spatial_merge_size": 2,
                "temporal_patch_size": 2,
            },
            image_token_id=3,
            vision_start_token_id=4,
            vision_end_token_id=5,
            tie_word_embeddings=False,
        ),
        "patches_in_tokens",
    ),
    Family(
        "qwen2_5_vl",
        "Qwen2_5_VLConfig",
        "Qwen2_5_VLForConditionalGeneration",
        lambda s: text_and_vision(
            s,
            llama_like(s, rope_parameters=multimodal_rope(s.head_dim)),
            {
                "depth": s.layers,
                "hidden_size": s.hidden,
                "intermediate_size": s.ffn,
                "out_hidden_size": s.hidden,
                "num_heads": s.heads,
                "patch_size": 4,
                "window_size": 8,
                "spatial_merge_size": 2,
                "temporal_patch_size": 2,
                "fullatt_block_indexes": [0],
            },
            image_token_id=3,
            vision_start_token_id=4,
            vision_end_token_id=5,
            tie_word_embeddings=False,
        ),
        "patches_in_tokens",
    ),
)
