"""Tiny configurations: how a family is described, and the arguments that many families share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from families.sizes import Size

Arguments = dict[str, Any]


@dataclass(frozen=True)
class Family:
    """How to make one tiny model.

    Attributes
    ----------
    name : str
        Name in the tests; families with several layouts have several rows.
    config, model : str
        Classes of transformers.
    arguments : callable
        Arguments of the configuration for a size.
    inputs : str
        What the model is run on, a function of `inputs.py`.
    layers : int or None
        Number of blocks where it is not that of the size.
    shared : bool
        Whether all blocks share one set of weights, which are then in no block.
    """

    name: str
    config: str
    model: str
    arguments: Callable[[Size], Arguments]
    inputs: str = "tokens"
    layers: int | None = None
    shared: bool = False


def llama_like(size: Size, **more: Any) -> Arguments:
    """Arguments that most decoders share."""
    return {
        "vocab_size": size.vocab,
        "hidden_size": size.hidden,
        "intermediate_size": size.ffn,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "num_key_value_heads": size.kv_heads,
        "max_position_embeddings": 64,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        **more,
    }


def without_kv(size: Size, **more: Any) -> Arguments:
    """Arguments of decoders and encoders that know no separate number of key heads."""
    arguments = llama_like(size, **more)
    del arguments["num_key_value_heads"]
    return arguments


def gpt2_like(size: Size, **more: Any) -> Arguments:
    """Arguments in the spelling of GPT-2."""
    return {
        "vocab_size": size.vocab,
        "n_embd": size.hidden,
        "n_inner": size.ffn,
        "n_layer": size.layers,
        "n_head": size.heads,
        "n_positions": 64,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": 0,
        **more,
    }


def vision_like(size: Size, **more: Any) -> Arguments:
    """Arguments of image encoders: four patches and, mostly, a class token."""
    return {
        "hidden_size": size.hidden,
        "intermediate_size": size.ffn,
        "num_hidden_layers": size.layers,
        "num_attention_heads": size.heads,
        "image_size": 16,
        "patch_size": 8,
        **more,
    }


def experts(size: Size, count: str = "num_experts", **more: Any) -> Arguments:
    """Arguments of mixtures of experts."""
    return llama_like(size, **{count: size.experts, "num_experts_per_tok": 2}, **more)


def latent(size: Size, **more: Any) -> Arguments:
    """Arguments of DeepSeek's latent attention; no two of the sizes are equal."""
    return experts(
        size,
        "n_routed_experts",
        num_key_value_heads=size.heads,
        moe_intermediate_size=size.ffn // 2,
        n_shared_experts=1,
        first_k_dense_replace=size.layers // 2,
        kv_lora_rank=size.hidden // 2,
        q_lora_rank=3 * size.hidden // 4,
        qk_nope_head_dim=size.head_dim,
        qk_rope_head_dim=size.head_dim - 2,
        v_head_dim=size.head_dim + 2,
        n_group=1,
        topk_group=1,
        **more,
    )


def text_and_vision(size: Size, text: Arguments, vision: Arguments, **more: Any) -> Arguments:
    """Arguments of two towers."""
    return {"text_config": text, "vision_config": vision, **more}


def lm(name: str, prefix: str, arguments: Callable[[Size], Arguments], **more: Any) -> Family:
    """Row of a language model whose classes start with `prefix`."""
    return Family(name, f"{prefix}Config", f"{prefix}ForCausalLM", arguments, **more)


def t5_like(size: Size, **more: Any) -> Arguments:
    """Arguments in the spelling of T5; heads * d_kv is not d_model."""
    return {
        "vocab_size": size.vocab,
        "d_model": size.hidden,
        "d_kv": size.wide,
        "d_ff": size.ffn,
        "num_layers": size.layers,
        "num_heads": size.heads,
        "pad_token_id": 0,
        "eos_token_id": 1,
        "decoder_start_token_id": 0,
        **more,
    }


def bart_like(size: Size, **more: Any) -> Arguments:
    """Arguments in the spelling of BART."""
    return {
        "vocab_size": size.vocab,
        "d_model": size.hidden,
        "encoder_layers": size.layers,
        "decoder_layers": size.layers,
        "encoder_attention_heads": size.heads,
        "decoder_attention_heads": size.heads,
        "encoder_ffn_dim": size.ffn,
        "decoder_ffn_dim": size.ffn,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": None,
        **more,
    }


def bert(name: str, prefix: str, model: str = "ForMaskedLM", **more: Any) -> Family:
    """Row of an encoder in the manner of BERT."""
    return Family(name, f"{prefix}Config", prefix + model, lambda s: without_kv(s, **more))


def multimodal_rope(head_dim: int) -> Arguments:
    """Rotary embedding that shares half a head between time, height and width."""
    half = head_dim // 2
    time = half - 2 * (half // 3)
    return {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "mrope_section": [time, half // 3, half // 3],
    }
