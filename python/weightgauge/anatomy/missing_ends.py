"""What a language model lacks before and behind its blocks: embedding, output head, last norm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

_WITH_HEAD = re.compile("For(?:CausalLM|ConditionalGeneration)$|LMHeadModel$")
_LANGUAGE = re.compile("For(?:CausalLM|MaskedLM)$|LMHeadModel$")
_UNTIED = frozenset(
    (
        *("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "phi", "phi3"),
        *("gpt_neox", "gptj", "olmo", "olmo2", "olmoe", "deepseek_v2", "deepseek_v3", "stablelm"),
        *("internlm2", "persimmon", "granitemoe", "glm", "glm4", "gpt_oss"),
    )
)
"""Model types whose head is not tied to the embedding unless the configuration says so.

All of them have a norm after the last block.
"""
_ROUNDED_UP = 128
"""Vocabularies are often rounded up to a multiple of this, for speed."""


def missing_ends(
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
    config: Mapping[str, Any],
    stacks: Sequence[str],
) -> Iterator[Finding]:
    """Tell of an embedding, a head or a last norm that a language model lacks.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of the model.
    places : Components
        What they are.
    forms : sequence of int
        Which tensors are of one form; negative for those that serve others, such as scales.
    config : mapping
        Content of `config.json`.
    stacks : sequence of str
        What stands before the numbers of blocks in names, for each stack of blocks.

    Yields
    ------
    Finding
    """
    names = config.get("architectures")
    architectures = [each for each in names if isinstance(each, str)] if names else []
    if not stacks or len(architectures) != 1:
        return
    (name,) = architectures
    if any(_is_saved_alone(path, name) for path in stacks):
        return
    there = set(places.kinds)
    unknown = _unknown_ends(tensors, places, forms, config)
    tied = config.get("tie_word_embeddings")
    untied = tied is False or (tied is None and config.get("model_type") in _UNTIED)
    ends = unknown + ("embed" in there)
    if "head" not in there and ends < 2 and untied and _WITH_HEAD.search(name):
        why = (
            "config.json says that it is not tied to the embedding"
            if tied is False
            else f"a {printable(str(config.get('model_type')))} model has one of its own"
        )
        yield RULES["missing-head"].finding(
            Place(kind="head"),
            value=0,
            expected=1,
            what=f"there is no output head (lm_head); {why}",
        )
    if not ends and _LANGUAGE.search(name) and not (tied and "head" in there):
        yield RULES["missing-embedding"].finding(
            Place(kind="embed"), value=0, expected=1, what="there is no token embedding"
        )
    if config.get("model_type") in _UNTIED and _lacks_last_norm(tensors, places):
        yield RULES["missing-part"].finding(
            Place(kind="norm"), value=0, expected=1, what="there is no norm after the last block"
        )


def _is_saved_alone(path: str, architecture: str) -> bool:
    """Whether blocks have no name of a model before them: "layers.0", not "model.layers.0".

    What is inside a language model is often saved by itself, without head or embedding, with the
    configuration of the whole. Encoders and decoders of models that have both are named at the top.
    """
    *outer, _ = path.split(".")
    if architecture.endswith("ForConditionalGeneration"):
        return not outer
    return not set(outer) - {"encoder", "decoder"}


def _unknown_ends(
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
    config: Mapping[str, Any],
) -> int:
    """Count the matrices of unknown kind outside the blocks that may be embedding or head.

    These have one row or column for every token. Where nothing tells how many tokens there are,
    every such matrix may be one.
    """
    rows = [
        max(tensor.shape)
        for tensor, kind in zip(tensors, places.kinds, strict=True)
        if kind == "embed" and len(tensor.shape) == 2
    ]
    stated = [
        size
        for section in (config, config.get("text_config"))
        if isinstance(section, Mapping)
        and isinstance(size := section.get("vocab_size"), int)
        and size > 0
    ]
    exact = set(stated) | {max(rows, default=0)} - {0}
    return sum(
        kind == "other"
        and block is None
        and form >= 0
        and len(tensor.shape) == 2
        and min(tensor.shape) > 1
        and (
            not exact
            or "lm_head" in tensor.name  # a head of its own for sounds or pictures
            or not exact.isdisjoint(tensor.shape)
            or any(_is_rounded(size, tokens) for size in tensor.shape for tokens in stated)
        )
        for tensor, kind, block, form in zip(
            tensors, places.kinds, places.blocks, forms, strict=True
        )
    )


def _is_rounded(size: int, tokens: int) -> bool:
    return tokens <= size < tokens + _ROUNDED_UP and size % 8 == 0


def _lacks_last_norm(tensors: Sequence[TensorLike], places: Components) -> bool:
    """Whether blocks have norms and nothing outside them is one, or may be one."""
    inside = False
    for tensor, kind, block in zip(tensors, places.kinds, places.blocks, strict=True):
        if block is None and (kind == "norm" or (kind == "other" and len(tensor.shape) == 1)):
            return False
        inside = inside or (kind == "norm" and block is not None)
    return inside
