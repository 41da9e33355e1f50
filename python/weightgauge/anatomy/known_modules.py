"""Modules that lie beside each other, outside the blocks, in all models of certain families."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place


class _Embeddings(NamedTuple):
    """Embeddings that lie where that of the tokens lies."""

    families: frozenset[str]
    tokens: str
    others: Mapping[str, str]
    """What each of the others is of, by the name of its module."""


_POSITIONS = "positions"
_TYPES = "types of tokens"
_WITH_TYPES = frozenset(
    (
        *("albert", "bert", "big_bird", "bros", "camembert", "convbert", "data2vec-text", "dpr"),
        *("electra", "ernie", "ibert", "layoutlm", "lilt", "longformer", "luke", "markuplm"),
        *("megatron-bert", "mobilebert", "mra", "nystromformer", "rembert", "roberta"),
        *("roberta-prelayernorm", "roc_bert", "splinter", "squeezebert", "visual_bert"),
        *("xlm-roberta", "xlm-roberta-xl", "xmod", "yoso"),
    )
)
_EMBEDDINGS = (
    _Embeddings(
        _WITH_TYPES,
        "word_embeddings",
        {"position_embeddings": _POSITIONS, "token_type_embeddings": _TYPES},
    ),
    _Embeddings(
        frozenset(("bert-generation", "blip", "distilbert", "git", "mpnet")),
        "word_embeddings",
        {"position_embeddings": _POSITIONS},
    ),
    _Embeddings(
        frozenset(("fnet", "gte", "jina_embeddings_v3", "nomic_bert", "roformer")),
        "word_embeddings",
        {"token_type_embeddings": _TYPES},
    ),
    _Embeddings(
        frozenset(("gpt2", "gpt_bigcode", "gpt_neo", "imagegpt")), "wte", {"wpe": _POSITIONS}
    ),
    _Embeddings(
        frozenset(("opt", "biogpt", "whisper")), "embed_tokens", {"embed_positions": _POSITIONS}
    ),
    _Embeddings(frozenset(("openai-gpt",)), "tokens_embed", {"positions_embed": _POSITIONS}),
    _Embeddings(
        frozenset(
            (
                *("clip", "clip_text_model", "clipseg", "groupvit", "metaclip_2", "owlv2"),
                *("owlvit", "siglip", "siglip2", "xclip"),
            )
        ),
        "token_embedding",
        {"position_embedding": _POSITIONS},
    ),
)


class _Head(NamedTuple):
    """A head that names masked tokens: a matrix and a norm before the matrix of the tokens."""

    families: frozenset[str]
    parts: tuple[tuple[str, ...], ...]
    """Modules, which end in a dot, and biases: of each group, one is enough."""

    alone: bool
    """Whether no other heads have modules of these names."""


_HEADS = (
    _Head(
        frozenset(
            (
                *("bert", "big_bird", "ernie", "fnet", "layoutlm", "megatron-bert", "mobilebert"),
                *("mra", "nomic_bert", "nystromformer", "roc_bert", "roformer", "squeezebert"),
                *("tapas", "visual_bert", "yoso"),
            )
        ),
        (
            ("cls.predictions.transform.dense.",),
            ("cls.predictions.transform.dense.bias",),
            ("cls.predictions.transform.LayerNorm.", "cls.predictions.transform.layer_norm."),
            ("cls.predictions.bias", "cls.predictions.decoder.bias"),
        ),
        alone=True,
    ),
    _Head(
        frozenset(
            (
                *("camembert", "data2vec-text", "esmc", "gte", "ibert", "jina_embeddings_v3"),
                *("longformer", "luke", "mpnet", "roberta", "roberta-prelayernorm"),
                *("xlm-roberta", "xlm-roberta-xl", "xmod"),
            )
        ),
        (
            ("lm_head.dense.",),
            ("lm_head.dense.bias",),
            ("lm_head.layer_norm.",),
            ("lm_head.bias", "lm_head.decoder.bias"),
        ),
        alone=False,
    ),
    _Head(
        frozenset(("albert",)),
        (
            ("predictions.dense.",),
            ("predictions.dense.bias",),
            ("predictions.LayerNorm.",),
            ("predictions.bias", "predictions.decoder.bias"),
        ),
        alone=False,
    ),
    _Head(
        frozenset(("convbert", "electra")),
        (
            ("generator_predictions.dense.",),
            ("generator_predictions.dense.bias",),
            ("generator_predictions.LayerNorm.",),
            ("generator_lm_head.bias",),
        ),
        alone=True,
    ),
    _Head(
        frozenset(("distilbert",)),
        (
            ("vocab_transform.",),
            ("vocab_transform.bias",),
            ("vocab_layer_norm.",),
            ("vocab_projector.bias",),
        ),
        alone=True,
    ),
    _Head(
        frozenset(("modernbert",)),
        (("head.dense.",), ("head.norm.",), ("decoder.bias",)),
        alone=False,
    ),
)


_OF_HEADS = tuple(first for head in _HEADS for group in head.parts for first in group)


def missing_modules(
    names: Collection[str], architecture: str, config: Mapping[str, Any]
) -> Iterator[Finding]:
    """Tell of embeddings and of parts of a head that a family has beside those that are there.

    Parameters
    ----------
    names : collection of str
        Names of all tensors outside the blocks.
    architecture : str
        The class of the model, as the configuration names it; "" if it does not.
    config : mapping
        Content of `config.json`.

    Yields
    ------
    Finding
    """
    if "auto_map" in config:
        return  # a program that comes with the model may do without them
    stated = config.get("model_type")
    family = stated if isinstance(stated, str) else ""
    yield from _missing_embeddings(names, family, config)
    yield from _missing_parts_of_heads(names, architecture, family)


def _missing_embeddings(
    names: Collection[str], family: str, config: Mapping[str, Any]
) -> Iterator[Finding]:
    for known in _EMBEDDINGS:
        if family not in known.families:
            continue
        others = {module: of for module, of in known.others.items() if _has(of, config)}
        for tokens in names:
            path = tokens.removesuffix(f"{known.tokens}.weight")
            if path == tokens or path[-1:] not in ("", "."):
                continue
            for module, of in others.items():
                name = f"{path}{module}.weight"
                if name not in names:
                    yield RULES["missing-embedding"].finding(
                        Place(tensor=name, kind="embed"),
                        value=0,
                        expected=1,
                        what=f"missing; a model of this family has an embedding of {of}",
                    )


def _has(of: str, config: Mapping[str, Any]) -> bool:
    """Whether a configuration leaves its family the embedding of positions, or of types."""
    if of == _TYPES:
        types = config.get("type_vocab_size")
        return not isinstance(types, int) or types > 0
    return config.get("position_embedding_type", "absolute") in ("absolute", None)


def _missing_parts_of_heads(
    names: Collection[str], architecture: str, family: str
) -> Iterator[Finding]:
    names = [name for name in names if name.startswith(_OF_HEADS)]  # of a million, few are
    for head in _HEADS:
        named = family in head.families and architecture.endswith("ForMaskedLM")
        parts = head.parts if named else [each for each in head.parts if each[0].endswith(".")]
        lost = [
            group
            for group in parts
            if not any(name.startswith(group) and name != f"{group[0]}bias" for name in names)
        ]
        if not named and (len(lost) == len(parts) or not (head.alone or family in head.families)):
            continue
        why = (
            f"the head of {printable(architecture)} has it"
            if named
            else "the other part of this head is there"
        )
        for first, *_ in lost:
            yield RULES["missing-head"].finding(
                Place(tensor=f"{first}weight" if first.endswith(".") else first, kind="head"),
                value=0,
                expected=1,
                what=f"missing; {why}",
            )
