"""The embedding of tokens that a language model lacks."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.anatomy.stacks import Stack
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

_LANGUAGE = re.compile("For(?:CausalLM|MaskedLM)$|LMHeadModel$")
_WRITES_TEXT = re.compile("ForConditionalGeneration$")
_BARE = re.compile("Model$")
"""Models without a head."""
_PART = re.compile("Vision|Image|Video|Audio|Speech|Encoder|Decoder|Former|Depth|Talker|Wav")
"""Models, some of which were saved as a part of another one, that read something else than text."""
_SECTIONS = ("text_config", "decoder")
"""Sections of a configuration that tell of text."""
_NAMED_AS_TEXT = ("text", "decoder")
"""Towers whose blocks are of text by their name, whatever else a model reads."""
TOWERS_OF_TEXT = (None, "text", "decoder")
"""Towers that may be the part of a model that writes text."""
_TEXT = re.compile(
    "For(?:(?:Sequence|Token)Classification|QuestionAnswering(?:Simple)?|MultipleChoice"
    "|NextSentencePrediction|PreTraining)$"
)
"""Heads of models that read text; models of sounds and pictures have some of them as well."""
READS_TEXT = frozenset(
    (
        *("bert", "roberta", "xlm-roberta", "xlm-roberta-xl", "camembert", "roberta-prelayernorm"),
        *("electra", "distilbert", "albert", "deberta", "deberta-v2", "mpnet", "modernbert"),
        *("mobilebert", "squeezebert", "convbert", "megatron-bert", "ernie", "nomic_bert"),
        *("big_bird", "longformer", "funnel", "fnet", "layoutlm", "xlnet", "xlm", "flaubert"),
        *("t5", "mt5", "umt5", "longt5", "switch_transformers", "bart", "mbart", "plbart", "led"),
        *("bigbird_pegasus", "mvp", "gpt2", "gpt_neo", "gpt_bigcode", "bloom", "opt", "falcon"),
        *("mpt", "gemma", "gemma2", "gemma3_text", "cohere", "cohere2", "granite"),
    )
)
"""Model types that read text alone, whatever their head is."""
_HEAD_IS_EMBEDDING = frozenset(("gpt2", "gpt_bigcode", "gpt_neo", "bloom", "opt", "falcon", "mpt"))
"""Model types whose head is the embedding unless the configuration says otherwise.

The embedding is also in what is saved without the name of the model.
"""
_WITH_HEAD = re.compile("ForCausalLM$|LMHeadModel$")
_NOT_OF_TOKENS = re.compile(r"wpe|posit|pos_emb|token_type|segment|per_layer|rel_emb|relative")
"""Embeddings of positions and of types; in names without those of towers."""
_OF_TOKENS = re.compile(r"(?:^|\.)(?:embed_tokens|word_embeddings|wte|shared)\.")
"""Modules whose tensors are an embedding of tokens, in whatever form they are stored."""
BEHIND = re.compile(
    r"(?:^|\.)(?:cls|pooler|pre_classifier|classifier|classification_head|score|qa_outputs|lm_head"
    r"|vocab_transform|proj_out|(?:generator|discriminator|lm|mlm|mask)_predictions|predictions)(?:\.|$)"
)
"""Modules behind the blocks, whose matrices read what the blocks have made."""
_NORM_OF_EMBEDDINGS = re.compile(r"(?:^|\.)embeddings\.(?:LayerNorm|norm)\.weight$")
_OF_PICTURES = re.compile(r"(?:^|[._])(?:class|cls)_(?:embedding|token)$")
"""A parameter that stands before the patches of a picture."""
_T5 = re.compile(r"(?:^|\.)SelfAttention\.q$")
_T5_STACKS = frozenset(("encoder.block", "decoder.block"))


def is_of_tokens(name: str) -> bool:
    """Whether an embedding may be that of the tokens: it is not one of positions or types."""
    return not _NOT_OF_TOKENS.search(name)


def _family(config: Mapping[str, Any]) -> str:
    """Return the family that a configuration names; "" where it names none."""
    family = config.get("model_type")
    return family if isinstance(family, str) else ""


def missing_embedding(
    tensors: Sequence[TensorLike],
    places: Components,
    stacks: Sequence[Stack],
    name: str,
    config: Mapping[str, Any],
    *,
    alone: bool,
    untied: bool,
) -> Iterator[Finding]:
    """Tell of an embedding of tokens that a whole language model lacks, or one beside others.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        Tensors outside the blocks, none of which is an embedding of an unknown name.
    places : Components
        What they are.
    stacks : sequence of Stack
        The blocks.
    name : str
        The class of the model, as the configuration names it; "" if it does not.
    config : mapping
        Content of `config.json`.
    alone : bool
        Whether the blocks have no name of a model before them.
    untied : bool
        Whether models of the family read text, and have a head of their own.

    Yields
    ------
    Finding
    """
    embeds = [
        tensor.name for tensor, kind in zip(tensors, places.kinds, strict=True) if kind == "embed"
    ]
    if any(map(is_of_tokens, embeds)) or any(_OF_TOKENS.search(each.name) for each in tensors):
        return  # in the latter case it may be stored in a form that is not known
    family = _family(config)
    head, tied = "head" in places.kinds, config.get("tie_word_embeddings")
    # What is saved without the name of the model has the embedding in these families.
    shared = family in _HEAD_IS_EMBEDDING and tied is not False and _WITH_HEAD.search(name)
    if head and (shared or tied):
        return  # the head that is there is the embedding
    level = None
    reads_text = not alone and _reads_text(tensors, places, stacks, name, config, untied=untied)
    if shared:
        what = "there is no token embedding, which is also the output head"
    elif reads_text or _holds_language_model(stacks, name, config, _NAMED_AS_TEXT):
        what = "there is no token embedding"
    elif _reads_something_else(tensors, places):
        return
    elif _holds_language_model(stacks, name, config, TOWERS_OF_TEXT):
        what = "there is no token embedding"
    else:
        what, level = _by_names(tensors, places, stacks, embeds)
    if what:
        yield RULES["missing-embedding"].finding(
            Place(kind="embed"), value=0, expected=1, what=what, level=level
        )


def _reads_text(
    tensors: Sequence[TensorLike],
    places: Components,
    stacks: Sequence[Stack],
    name: str,
    config: Mapping[str, Any],
    *,
    untied: bool,
) -> bool:
    """Whether the configuration is that of a model that reads text."""
    if _LANGUAGE.search(name):
        return True
    if _WRITES_TEXT.search(name):
        return any(stack.tower in TOWERS_OF_TEXT for stack in stacks)
    if not _TEXT.search(name):
        return False
    if untied or _family(config) in READS_TEXT:
        return True
    # Sounds that are written down have a vocabulary, too.
    return "vocab_size" in config and not _reads_something_else(tensors, places)


def _holds_language_model(
    stacks: Sequence[Stack], name: str, config: Mapping[str, Any], towers: Collection[str | None]
) -> bool:
    """Whether a class without a head is that of a language model, alone or among other models."""
    if not _BARE.search(name) or _PART.search(name):
        return False
    sections = [config, *(config.get(key) for key in _SECTIONS)]
    tokens = any(
        isinstance(each, Mapping) and type(each.get("vocab_size")) is int for each in sections
    )
    return tokens and any(
        stack.tower in towers and 0 in stack.names and len(stack.names) > _FEW_BLOCKS
        for stack in stacks
    )


def _by_names(
    tensors: Sequence[TensorLike],
    places: Components,
    stacks: Sequence[Stack],
    embeds: Sequence[str],
) -> tuple[str, str | None]:
    """Say what shows that an embedding of tokens is missing, without a configuration; "" if none.

    Some programs save a matrix that is both head and embedding by the first of its names in the
    alphabet. Where that may be the name of the head, nobody can tell whether the embedding is lost.
    """
    heads = [
        tensor.name for tensor, kind in zip(tensors, places.kinds, strict=True) if kind == "head"
    ]
    doubt = "; or the head is the embedding"
    if embeds and (not heads or "embeddings." in embeds[0]):
        what = f"there is no token embedding beside {printable(embeds[0])}"
        tied = any(each < embeds[0] for each in heads)
        return (what + doubt, "warning") if tied else (what, None)
    norms = [tensor.name for tensor in tensors if _NORM_OF_EMBEDDINGS.search(tensor.name)]
    if norms and not heads:
        return f"there is no token embedding before {printable(norms[0])}", None
    whole = [stack for stack in stacks if 0 in stack.names and len(stack.names) > _FEW_BLOCKS]
    if any(stack.path in _T5_STACKS and any(map(_T5.search, stack.modules)) for stack in whole):
        return "there is no token embedding; models with such blocks (T5) have one", None
    if heads and whole:
        what = "there is no token embedding, though there are the first block and a head"
        return what + doubt, "warning"
    return "", None


_FEW_BLOCKS = 2
"""Stacks of as few blocks, such as those that draft tokens, may use the embedding of a model."""


def _reads_something_else(tensors: Sequence[TensorLike], places: Components) -> bool:
    """Whether a matrix outside the blocks may read pictures, sounds or the states of a model.

    What cuts pictures to patches may belong to another part of a model than what goes before them.
    """
    return any(
        block is None
        and (
            _OF_PICTURES.search(tensor.name)
            or (
                kind not in ("embed", "norm", "bias", "head")
                and len(tensor.shape) > 1
                and not (len(tensor.shape) == 2 and BEHIND.search(tensor.name))
            )
        )
        for tensor, kind, block in zip(tensors, places.kinds, places.blocks, strict=True)
    )
