"""Inputs on which the tiny models are run: enough tokens to reach every expert."""

from __future__ import annotations

from typing import Any

import torch

from families.arguments import Family
from families.sizes import Size

Inputs = dict[str, Any]
BATCH, TOKENS = 2, 24


def _tokens(size: Size, length: int = TOKENS) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return torch.randint(6, size.vocab, (BATCH, length), generator=generator)


def _noise(*shape: int) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(2))


def tokens(size: Size, model: Any) -> Inputs:
    return {"input_ids": _tokens(size)}


def tokens_twice(size: Size, model: Any) -> Inputs:
    return {"input_ids": _tokens(size), "decoder_input_ids": _tokens(size, 20)}


def tokens_and_states(size: Size, model: Any) -> Inputs:
    return {"input_ids": _tokens(size), "encoder_hidden_states": _noise(2, 20, size.hidden)}


def sound_and_tokens(size: Size, model: Any) -> Inputs:
    return {"input_features": _noise(2, 8, 24), "decoder_input_ids": _tokens(size, 20)}


def pixels(size: Size, model: Any) -> Inputs:
    side = model.config.image_size
    return {"pixel_values": _noise(2, 3, side, side)}


def pixels_and_tokens(size: Size, model: Any) -> Inputs:
    return {"pixel_values": _noise(2, 3, 16, 16), **tokens(size, model)}


def image_in_tokens(size: Size, model: Any) -> Inputs:
    ids = _tokens(size)
    ids[:, 2:6] = model.config.image_token_id
    return {"pixel_values": _noise(2, 3, 16, 16), "input_ids": ids}


def patches_in_tokens(size: Size, model: Any) -> Inputs:
    """One image of 4 x 4 patches in each row; four of them become one token."""
    ids = _tokens(size)
    ids[:, 2] = model.config.vision_start_token_id
    ids[:, 3:7] = model.config.image_token_id
    return {
        "input_ids": ids,
        "pixel_values": _noise(32, 3 * 2 * 4 * 4),
        "image_grid_thw": torch.tensor([[1, 4, 4], [1, 4, 4]]),
        "mm_token_type_ids": (ids == model.config.image_token_id).int(),
    }


def inputs_of(family: Family, size: Size, model: Any) -> Inputs:
    """Arguments of the model's forward."""
    return globals()[family.inputs](size, model)
