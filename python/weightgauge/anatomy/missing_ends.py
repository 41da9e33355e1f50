"""What a language model lacks before and behind its blocks: embedding, output head, last norm."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.anatomy.known_modules import missing_modules
from weightgauge.anatomy.missing_embedding import (
    BEHIND,
    READS_TEXT,
    TOWERS_OF_TEXT,
    is_of_tokens,
    missing_embedding,
)
from weightgauge.anatomy.missing_weights import missing_weights
from weightgauge.anatomy.outer_norms import missing_halves_of_norms, missing_last_norms
from weightgauge.anatomy.stacks import Stack
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place
from weightgauge.records import taken

_WITH_HEAD = re.compile("For(?:CausalLM|ConditionalGeneration)$|LMHeadModel$")
_ANSWERS = re.compile(
    "For(?:(?:Sequence|Token|Image|Audio|Video)Classification|QuestionAnswering(?:Simple)?"
    "|MultipleChoice|CTC)$"
)
_CLASSIFIER = re.compile(
    r"(?:^|\.)[^.]*(?:classif|score|outputs|proj|summary|head|predict|logits|answer)[^.]*\."
    r"|(?:^|[._])output_weights$"
)
"""Modules that may be the head of a model that classifies or answers."""
_UNTIED = frozenset(
    (
        *("llama", "mistral", "mixtral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe", "phi", "phi3"),
        *("gpt_neox", "gptj", "olmo", "olmo2", "olmoe", "deepseek_v2", "deepseek_v3", "stablelm"),
        *("internlm2", "persimmon", "granitemoe", "glm", "glm4", "gpt_oss"),
    )
)
"""Model types whose head is not tied to the embedding unless the configuration says so."""
_ROUNDED_UP = 128
"""Vocabularies are often rounded up to a multiple of this, for speed."""


def missing_ends(
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
    config: Mapping[str, Any],
    stacks: Sequence[Stack],
    families: Sequence[str | None],
) -> list[Finding]:
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
    stacks : sequence of Stack
        The blocks.
    families : sequence of str or None
        The family of each stack, if the configuration names one for it alone.

    Returns
    -------
    list of Finding
    """
    if not stacks and _family(config) not in READS_TEXT:
        return []
    # The others, of which there are many, are asked nothing.
    asked = ~places.in_blocks() | places.of_kinds(("embed", "head"))
    rows: list[int] = asked.nonzero()[0].tolist()
    tensors, places, forms = [tensors[row] for row in rows], places.take(rows), taken(forms, rows)
    unknown = _unknown_ends(tensors, places, forms, config)
    names = config.get("architectures")
    architectures = (
        [each for each in names if isinstance(each, str)] if isinstance(names, list) else []
    )
    name = architectures[0] if len(architectures) == 1 else ""
    alone = any(_is_saved_alone(stack.path, name) for stack in stacks)
    found: list[Finding] = []
    if name and not alone:
        if any(stack.tower in TOWERS_OF_TEXT for stack in stacks):
            found += _missing_head(places, len(unknown), name, config)
        found += _missing_classifier(tensors, places, name, config)
    if all(map(BEHIND.search, unknown)):
        found += missing_embedding(
            tensors, places, stacks, name, config, alone=alone, untied=_family(config) in _UNTIED
        )
    found += missing_modules({each.name for each in tensors}, "" if alone else name, config)
    own = [_family(config) or None if each is None else each for each in families]
    found += missing_last_norms(tensors, places, stacks, own, named=bool(name))
    found += missing_halves_of_norms(tensors, places, stacks)
    found += missing_weights(tensors, config, {each.tensor for each in found})
    return found


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


def _missing_classifier(
    tensors: Sequence[TensorLike], places: Components, name: str, config: Mapping[str, Any]
) -> Iterator[Finding]:
    answers = _ANSWERS.search(name)
    if not answers:
        return
    # A matrix of no known kind may be the head, in a family that nobody has told us of, or in a
    # program that comes with the model.
    doubts = "auto_map" in config, _has_unknown_matrix(tensors, places)
    if all(doubts) or (any(doubts) and _family(config) not in READS_TEXT | _UNTIED):
        return
    if not any(_CLASSIFIER.search(tensor.name) for tensor in tensors):
        yield RULES["missing-head"].finding(
            Place(kind="head"),
            value=0,
            expected=1,
            what=f"there is no output head; {printable(name)} has one",
        )


def _has_unknown_matrix(tensors: Sequence[TensorLike], places: Components) -> bool:
    """Whether there is a matrix of no known kind outside the blocks."""
    return any(
        kind == "other" and block is None and len(tensor.shape) == 2
        for tensor, kind, block in zip(tensors, places.kinds, places.blocks, strict=True)
    )


def _is_saved_alone(path: str, architecture: str) -> bool:
    """Whether blocks have no name of a model before them: "layers.0", not "model.layers.0".

    What is inside a language model is often saved by itself, without head or embedding, with the
    configuration of the whole. Encoders and decoders of models that have both are named at the top.
    """
    *outer, _ = path.split(".")
    if architecture.endswith("ForConditionalGeneration"):
        return not outer
    if architecture.startswith("DistilBert"):
        return outer == ["transformer"]  # elsewhere this is the name of a model
    return not set(outer) - {"encoder", "decoder"}


def _unknown_ends(
    tensors: Sequence[TensorLike],
    places: Components,
    forms: Sequence[int],
    config: Mapping[str, Any],
) -> list[str]:
    """Name the matrices of unknown kind outside the blocks that may be embedding or head.

    These have one row or column for every token. Where nothing tells how many tokens there are,
    every such matrix may be one that is not square.
    """
    rows = [
        max(tensor.shape)
        for tensor, kind in zip(tensors, places.kinds, strict=True)
        if kind == "embed" and len(tensor.shape) == 2 and is_of_tokens(tensor.name)
    ]
    stated = [
        size
        for section in (config, config.get("text_config"))
        if isinstance(section, Mapping)
        and isinstance(size := section.get("vocab_size"), int)
        and size > 0
    ]
    exact = set(stated) | {max(rows, default=0)} - {0}
    return [
        tensor.name
        for tensor, kind, block, form in zip(
            tensors, places.kinds, places.blocks, forms, strict=True
        )
        if kind == "other"
        and block is None
        and is_of_tokens(tensor.name)
        and form >= 0
        and len(tensor.shape) == 2
        and min(tensor.shape) > 1
        and (
            (not exact and tensor.shape[0] != tensor.shape[1])
            # a head of its own for sounds or pictures
            or ("lm_head" in tensor.name and tensor.shape[0] != tensor.shape[1])
            or not exact.isdisjoint(tensor.shape)
            or any(_is_rounded(size, tokens) for size in tensor.shape for tokens in stated)
        )
    ]


def _is_rounded(size: int, tokens: int) -> bool:
    return tokens <= size < tokens + _ROUNDED_UP and size % 8 == 0
