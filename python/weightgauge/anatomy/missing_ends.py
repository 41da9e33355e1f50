"""What a language model lacks before and behind its blocks: embedding, output head, last norm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place
from weightgauge.records import taken

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
_TEXT = re.compile("For(?:Sequence|Token)Classification$|ForQuestionAnswering$")
"""Heads that read text, where the model type is one of `_UNTIED`."""
_HEAD_IS_EMBEDDING = frozenset(("gpt2", "gpt_bigcode", "gpt_neo", "bloom", "opt", "falcon", "mpt"))
"""Model types whose head is the embedding unless the configuration says otherwise.

The embedding is also in what is saved without the name of the model.
"""
_NOT_OF_TOKENS = re.compile(r"wpe|posit|pos_emb|token_type|segment|per_layer")
"""Embeddings of positions and of types; in names without those of towers."""
_POSITIONS = {
    "gpt2": ("wte", "wpe"),
    "gpt_bigcode": ("wte", "wpe"),
    "gpt_neo": ("wte", "wpe"),
    "opt": ("embed_tokens", "embed_positions"),
    "bert": ("word_embeddings", "position_embeddings"),
    "roberta": ("word_embeddings", "position_embeddings"),
    "xlm-roberta": ("word_embeddings", "position_embeddings"),
    "camembert": ("word_embeddings", "position_embeddings"),
    "electra": ("word_embeddings", "position_embeddings"),
    "distilbert": ("word_embeddings", "position_embeddings"),
}
"""Modules of the embeddings of tokens and of positions that lie beside each other."""
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
    if not stacks:
        return
    norms_inside = any(
        kind == "norm" and block is not None
        for kind, block in zip(places.kinds, places.blocks, strict=True)
    )
    rows = [  # the others, of which there are many, are asked nothing
        row
        for row, (kind, block) in enumerate(zip(places.kinds, places.blocks, strict=True))
        if block is None or kind in ("embed", "head")
    ]
    tensors, places, forms = [tensors[row] for row in rows], places.take(rows), taken(forms, rows)
    unknown = _unknown_ends(tensors, places, forms, config)
    names = config.get("architectures")
    architectures = (
        [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
    )
    name = architectures[0] if len(architectures) == 1 else ""
    alone = any(_is_saved_alone(path, name) for path in stacks)
    if name and not alone:
        yield from _missing_head(places, unknown, name, config)
    yield from _missing_embedding(tensors, places, unknown, name, config, alone=alone)
    yield from _missing_positions(tensors, config)
    normed = name and not alone and _family(config) in _UNTIED
    if normed and norms_inside and not _may_have_last_norm(tensors, places):
        yield RULES["missing-part"].finding(
            Place(kind="norm"), value=0, expected=1, what="there is no norm after the last block"
        )


def _family(config: Mapping[str, Any]) -> str:
    """Return the family that a configuration names; "" where it names none."""
    family = config.get("model_type")
    return family if isinstance(family, str) else ""


def _missing_head(
    places: Components, unknown: int, name: str, config: Mapping[str, Any]
) -> Iterator[Finding]:
    tied = config.get("tie_word_embeddings")
    untied = tied is False or (tied is None and _family(config) in _UNTIED)
    ends = unknown + ("embed" in places.kinds)
    if "head" not in places.kinds and ends < 2 and untied and _WITH_HEAD.search(name):
        why = (
            "config.json says that it is not tied to the embedding"
            if tied is False
            else f"a {printable(_family(config))} model has one of its own"
        )
        yield RULES["missing-head"].finding(
            Place(kind="head"),
            value=0,
            expected=1,
            what=f"there is no output head (lm_head); {why}",
        )


def _missing_embedding(
    tensors: Sequence[TensorLike],
    places: Components,
    unknown: int,
    name: str,
    config: Mapping[str, Any],
    *,
    alone: bool,
) -> Iterator[Finding]:
    """Tell of an embedding of tokens that a whole language model lacks, or one beside others."""
    embeds = [
        tensor.name for tensor, kind in zip(tensors, places.kinds, strict=True) if kind == "embed"
    ]
    if unknown or any(not _NOT_OF_TOKENS.search(each) for each in embeds):
        return
    family = _family(config)
    head, tied = "head" in places.kinds, config.get("tie_word_embeddings")
    reads = _LANGUAGE.search(name) or (family in _UNTIED and _TEXT.search(name))
    # What is saved without the name of the model has the embedding in these families.
    shared = family in _HEAD_IS_EMBEDDING and tied is not False and _WITH_HEAD.search(name)
    if shared and not head:
        what = "there is no token embedding, which is also the output head"
    elif reads and not alone and not (tied and head):
        what = "there is no token embedding"
    elif embeds and not head and not _reads_something_else(tensors, places):
        what = f"there is no token embedding beside {printable(embeds[0])}"
    else:
        return
    yield RULES["missing-embedding"].finding(Place(kind="embed"), value=0, expected=1, what=what)


def _reads_something_else(tensors: Sequence[TensorLike], places: Components) -> bool:
    """Whether a matrix outside the blocks may read pictures, sounds or the states of a model."""
    return any(
        kind not in ("embed", "norm", "bias") and block is None and len(tensor.shape) > 1
        for tensor, kind, block in zip(tensors, places.kinds, places.blocks, strict=True)
    )


def _missing_positions(
    tensors: Sequence[TensorLike], config: Mapping[str, Any]
) -> Iterator[Finding]:
    """Tell of positions that a family has, where its embedding of tokens is."""
    beside = _POSITIONS.get(_family(config))
    relative = config.get("position_embedding_type", "absolute") not in ("absolute", None)
    if beside is None or relative or "auto_map" in config:
        return  # a program that comes with the model may do without them
    tokens, positions = beside
    for tensor in tensors:
        path = tensor.name.removesuffix(f"{tokens}.weight")
        if path != tensor.name and path[-1:] in ("", "."):
            name = f"{path}{positions}.weight"
            if not any(each.name == name for each in tensors):
                yield RULES["missing-embedding"].finding(
                    Place(tensor=name, kind="embed"),
                    value=0,
                    expected=1,
                    what="missing; a model of this family has an embedding of positions",
                )
            return


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


def _may_have_last_norm(tensors: Sequence[TensorLike], places: Components) -> bool:
    """Whether something outside the blocks is a norm, or may be one."""
    return any(
        block is None and (kind == "norm" or (kind == "other" and len(tensor.shape) == 1))
        for tensor, kind, block in zip(tensors, places.kinds, places.blocks, strict=True)
    )
