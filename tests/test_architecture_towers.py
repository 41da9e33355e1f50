"""Which section of a configuration describes which tower."""

from __future__ import annotations

import pytest

from towers import described, llama

TEXT = {"model_type": "llama", "num_attention_heads": 8}
VISION = {"model_type": "clip_vision_model", "num_attention_heads": 4}
EYES = llama(4, 4, 16, 64, prefix="vision_tower.encoder.")


@pytest.mark.parametrize("prefix", ["language_model.model.", "model.language_model.", "model."])
@pytest.mark.parametrize(
    "config",
    [
        {"text_config": TEXT, "vision_config": VISION},
        {"llm_config": TEXT, "vision_config": VISION},
        # The language model at the top, as some image models have it.
        {**TEXT, "vision_config": VISION},
    ],
)
def test_language_and_images(prefix, config) -> None:
    found = described(EYES | llama(prefix=prefix), config)
    language = found.of(None if prefix == "model." else "text")
    assert found.warnings == ()
    assert (language.heads, language.kv_heads, language.attention) == (8, 2, "GQA")
    assert language.config["model_type"] == language.model_type == "llama"
    assert (found.of("vision").heads, found.of("vision").attention) == (4, "MHA")
    assert found.of("vision").config == VISION


def test_towers_come_in_the_order_of_tables() -> None:
    shapes = EYES | llama(prefix="language_model.") | llama(prefix="audio_tower.") | llama()
    assert [facts.tower for facts in described(shapes).towers] == [None, "vision", "audio", "text"]


def test_the_top_does_not_describe_images() -> None:
    found = described(EYES | llama(prefix="model."), TEXT)
    assert found.warnings == ()
    assert found.of("vision").config == {}
    assert found.of("vision").heads is None


def test_an_image_tower_on_its_own_is_described_at_the_top() -> None:
    found = described(llama(4, 4, prefix="vision_model.encoder."), VISION)
    assert (found.of("vision").heads, found.of("vision").head_dim) == (4, 16)


@pytest.mark.parametrize(
    "config",
    [
        {"encoder_attention_heads": 4, "decoder_attention_heads": 8},
        {"encoder_attention_heads": 4, "num_attention_heads": 8, "is_encoder_decoder": True},
        {"encoder": {"n_head": 4}, "decoder": {"n_head": 8}, "is_encoder_decoder": True},
    ],
)
def test_encoder_and_decoder(config) -> None:
    shapes = llama(4, 4, prefix="model.encoder.") | llama(8, 8, prefix="model.decoder.")
    found = described(shapes, config)
    assert found.warnings == ()
    assert (found.of("encoder").heads, found.of("decoder").heads) == (4, 8)


def test_an_encoder_beside_a_language_model_is_not_described_at_the_top() -> None:
    shapes = llama(4, 4, 8, 32, prefix="codec.encoder.") | llama()
    found = described(shapes, {"num_attention_heads": 8, "head_dim": 16, "hidden_size": 96})
    assert found.warnings == ()
    assert (found.of(None).heads, found.of("encoder").heads) == (8, None)


@pytest.mark.parametrize("section", [None, {}])
def test_sections_that_are_empty(section) -> None:
    found = described(EYES, {"vision_config": section})
    assert (found.warnings, found.of("vision").heads) == ((), None)


@pytest.mark.parametrize("section", [3, [], "x", False])
def test_sections_that_are_none(section) -> None:
    found = described(EYES, {"vision_config": section})
    (warning,) = found.warnings
    assert warning.startswith("config.json: vision_config = ") and "no object" in warning
    assert found.of("vision").heads is None
