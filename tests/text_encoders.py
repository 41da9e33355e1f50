"""Models that read text, as their families save them, with one of several heads."""

from __future__ import annotations

import numpy as np

import health_models as models

WIDTH, TOKENS = 64, 320
BERT = {
    "attention.self.query": (WIDTH, WIDTH),
    "attention.self.key": (WIDTH, WIDTH),
    "attention.self.value": (WIDTH, WIDTH),
    "attention.output.dense": (WIDTH, WIDTH),
    "attention.output.LayerNorm": (WIDTH,),
    "intermediate.dense": (96, WIDTH),
    "output.dense": (WIDTH, 96),
    "output.LayerNorm": (WIDTH,),
}
DEBERTA = {
    name.replace("query", "query_proj")
    .replace("key", "key_proj")
    .replace("value", "value_proj"): size
    for name, size in BERT.items()
}
DISTILBERT = {
    **{f"attention.{name}_lin": (WIDTH, WIDTH) for name in ("q", "k", "v", "out")},
    **{"ffn.lin1": (96, WIDTH), "ffn.lin2": (WIDTH, 96)},
    **{"sa_layer_norm": (WIDTH,), "output_layer_norm": (WIDTH,)},
}
HEADS = {
    "ForSequenceClassification": {"classifier": (2, WIDTH), "pooler.dense": (WIDTH, WIDTH)},
    "ForTokenClassification": {"classifier": (9, WIDTH)},
    "ForQuestionAnswering": {"qa_outputs": (2, WIDTH)},
    "ForMultipleChoice": {"classifier": (1, WIDTH)},
}
TRANSFORM = ("cls.predictions.transform.dense", "cls.predictions.transform.LayerNorm")
LM_HEAD = ("lm_head.dense", "lm_head.layer_norm")
ENCODERS = {
    # class, name of the model, its blocks, what they hold, matrix and norm of the masked head, and
    # the bias of the tokens
    "bert": ("Bert", "bert", "encoder.layer", BERT, *TRANSFORM, "cls.predictions.bias"),
    "roberta": ("Roberta", "roberta", "encoder.layer", BERT, *LM_HEAD, "lm_head.bias"),
    "xlm-roberta": ("XLMRoberta", "roberta", "encoder.layer", BERT, *LM_HEAD, "lm_head.bias"),
    "electra": (
        *("Electra", "electra", "encoder.layer", BERT, "generator_predictions.dense"),
        *("generator_predictions.LayerNorm", "generator_lm_head.bias"),
    ),
    "deberta-v2": (
        *("DebertaV2", "deberta", "encoder.layer", DEBERTA, *TRANSFORM),
        "cls.predictions.bias",
    ),
    "distilbert": (
        *("DistilBert", "distilbert", "transformer.layer", DISTILBERT),
        *("vocab_transform", "vocab_layer_norm", "vocab_projector.bias"),
    ),
    "albert": (
        *("Albert", "albert", "encoder.albert_layer_groups.0.albert_layers", BERT),
        *("predictions.dense", "predictions.LayerNorm", "predictions.bias"),
    ),
}
TYPED = ("bert", "roberta", "xlm-roberta", "electra", "albert")
"""Families with an embedding of the types of tokens."""


def filled(sizes):
    """Weights of these sizes: matrices, or norms."""
    rng = np.random.default_rng(0)
    return {
        f"{name}.weight": (
            models.trained(rng, *size) if len(size) == 2 else 1 + models.normal(rng, 1, *size)[0]
        ).astype(models.BF16)
        for name, size in sizes.items()
    }


def blocks_of(path, modules, number=4):
    return {
        f"{path}.{block}.{name}": size for block in range(number) for name, size in modules.items()
    }


def encoder(model_type, head):
    """A model that reads text with one of several heads, and the name of its embedding."""
    cls, model, path, modules, dense, norm, bias = ENCODERS[model_type]
    prefix = f"{model}." if head else ""
    embeddings = f"{prefix}embeddings."
    sizes = {
        f"{embeddings}word_embeddings": (TOKENS, WIDTH),
        f"{embeddings}LayerNorm": (WIDTH,),
        **blocks_of(f"{prefix}{path}", modules),
    }
    if model_type == "deberta-v2":
        sizes[f"{prefix}encoder.rel_embeddings"] = (512, WIDTH)
    else:
        sizes[f"{embeddings}position_embeddings"] = (128, WIDTH)
    if model_type in TYPED:
        sizes[f"{embeddings}token_type_embeddings"] = (2, WIDTH)
    if head == "ForMaskedLM":
        sizes |= {dense: (WIDTH, WIDTH), norm: (WIDTH,)}
    elif head:
        sizes |= HEADS[head]
    config = {
        **{"model_type": model_type, "architectures": [f"{cls}{head or 'Model'}"]},
        **{"hidden_size": WIDTH, "vocab_size": TOKENS},
    }
    tensors = filled(sizes)
    if head == "ForMaskedLM":
        for name, size in ((f"{dense}.bias", WIDTH), (f"{norm}.bias", WIDTH), (bias, TOKENS)):
            tensors[name] = np.zeros(size, models.BF16)
    return tensors, config, f"{embeddings}word_embeddings.weight"
