"""Names of adapted modules with underscores in place of dots, as sd-scripts writes them."""

from __future__ import annotations

import re

_PREFIX = re.compile(r"lora_(?:unet|te[0-9]?|transformer)_")
_WORDS = (
    *("input_blocks", "middle_block", "output_blocks", "down_blocks", "mid_block", "up_blocks"),
    *("transformer_blocks", "single_transformer_blocks", "joint_blocks", "double_blocks"),
    *("single_blocks", "text_model", "vision_model", "self_attn", "cross_attn", "img_attn"),
    *("txt_attn", "img_mlp", "txt_mlp", "to_q", "to_k", "to_v", "to_out", "to_qkv", "add_q_proj"),
    *("add_k_proj", "add_v_proj", "q_proj", "k_proj", "v_proj", "o_proj", "out_proj", "gate_proj"),
    *("up_proj", "down_proj", "proj_in", "proj_out", "proj_mlp", "context_block", "x_block"),
)
_WORD = re.compile(f"(?:^|_)({'|'.join(sorted(_WORDS, key=len, reverse=True))}|[^_]+)(?=_|$)")


def dotted(module: str) -> str:
    """Return the path of a module as its own model has it; other names as they are.

    Examples
    --------
    >>> dotted("lora_unet_input_blocks_4_1_transformer_blocks_0_attn1_to_q")
    'input_blocks.4.1.transformer_blocks.0.attn1.to_q'
    >>> dotted("model.layers.0.self_attn.q_proj")
    'model.layers.0.self_attn.q_proj'
    """
    prefix = _PREFIX.match(module)
    if prefix is None or "." in module:
        return module
    return ".".join(_WORD.findall(module[prefix.end() :]))
