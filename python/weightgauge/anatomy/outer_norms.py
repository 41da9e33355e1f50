"""Norms outside the blocks: the one after the last block, and both halves of each."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from weightgauge.anatomy.components import Components, TensorLike
from weightgauge.anatomy.components.vocabulary import NORM
from weightgauge.anatomy.family_blocks import FAMILY_BLOCKS
from weightgauge.anatomy.missing_embedding import is_of_tokens
from weightgauge.anatomy.stacks import Stack
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place

_WITH_LAST_NORM = frozenset(
    (
        *("llama", "mistral", "mixtral", "ministral", "qwen2", "qwen2_moe", "qwen3", "qwen3_moe"),
        *("phi", "phi3", "gpt_neox", "gptj", "olmo", "olmo2", "olmo3", "olmoe", "deepseek_v2"),
        *("deepseek_v3", "stablelm", "internlm2", "persimmon", "granite", "granitemoe", "glm"),
        *("glm4", "gpt_oss", "gpt2", "gpt_bigcode", "gpt_neo", "codegen", "bloom", "falcon", "mpt"),
        *("mamba", "mamba2", "falcon_mamba", "starcoder2", "gemma", "gemma2", "gemma3_text"),
        *("cohere", "cohere2", "helium", "seed_oss", "smollm3", "ernie4_5", "jamba", "t5", "mt5"),
        *("umt5", "longt5", "switch_transformers", "mbart", "pegasus", "m2m_100", "whisper"),
        *("apertus", "arcee", "bamba", "bitnet", "cwm", "deepseek_v32", "diffllama", "doge"),
        *("ernie4_5_moe", "exaone4", "exaone_moe", "falcon_h1", "flex_olmo", "glm4_moe"),
        *("glm4_moe_lite", "glm4v", "granitemoehybrid", "granitemoeshared", "internlm3", "jetmoe"),
        *("kimi_linear", "llama4_text", "longcat_flash", "minicpm3", "minimax", "minimax_m2"),
        *("ministral3", "nemotron_h", "olmo_hybrid", "phimoe", "qwen2_vl", "qwen2_vl_text"),
        *("qwen2_5_vl", "qwen2_5_vl_text", "qwen3_vl", "qwen3_vl_text", "qwen3_vl_moe"),
        *("qwen3_next", "qwen3_5_text", "recurrent_gemma", "rwkv", "xglm", "zamba", "zamba2"),
        *("blenderbot", "modernbert", "nllb-moe", "pegasus_x", "vaultgemma", "xlstm"),
    )
)
"""Model types all of whose stacks of blocks are followed by a norm."""
_FEWEST_BLOCKS = 3
"""Stacks of fewer blocks, such as those that draft tokens, may do without a norm."""

_NUMBER = re.compile("[0-9]+")
_HALVES = {
    **{"weight": "weight", "gamma": "weight", "scale": "weight"},
    **{"bias": "bias", "beta": "bias"},
}
_OTHER_HALF = {
    **{"weight": "bias", "gamma": "beta", "scale": "bias"},
    **{"bias": "weight", "beta": "gamma"},
}
"""Names of weights and biases of norms: which half each is, and what the other half is called."""


def missing_last_norms(
    tensors: Sequence[TensorLike],
    places: Components,
    stacks: Sequence[Stack],
    families: Sequence[str | None],
    *,
    named: bool,
) -> Iterator[Finding]:
    """Tell of a norm that should follow a stack of blocks.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        Tensors outside the blocks.
    places : Components
        What they are.
    stacks : sequence of Stack
        The blocks.
    families : sequence of str or None
        The family of each stack, as the configuration names it.
    named : bool
        Whether the configuration names a class of model.

    Yields
    ------
    Finding
        One for each stack.
    """
    tokens = any(
        kind == "embed" and is_of_tokens(tensor.name)
        for tensor, kind in zip(tensors, places.kinds, strict=True)
    )
    norms = [
        tensor.name
        for tensor, kind, block in zip(tensors, places.kinds, places.blocks, strict=True)
        if block is None
        and (
            kind == "norm"
            or (kind == "other" and len(tensor.shape) == 1)
            or (kind == "bias" and _is_norm(tensor.name.rpartition(".")[0]))
        )
    ]
    for stack, family in zip(stacks, families, strict=True):
        outer = stack.path.rpartition(".")[0]
        # What is inside a model is often saved by itself, without what precedes and follows it.
        whole = tokens or (named and outer)
        inside = any(known.kind == "norm" for known in stack.modules.values())
        if not whole or not inside or len(stack.names) < _FEWEST_BLOCKS:
            continue
        known = family in _WITH_LAST_NORM
        if known:
            beside = f"{outer}." if outer else ""
            lost = not any(
                each.startswith(beside) and "embed" not in each.removeprefix(beside)
                for each in norms
            )
        else:
            alone = family is None and len(stacks) == 1
            lost = alone and not norms and _looks_like_one_with_last_norm(stack)
        if lost:
            which = "" if len(stacks) == 1 else f" of {printable(stack.path)}"
            yield RULES["missing-part"].finding(
                Place(kind="norm", tower=stack.tower),
                value=0,
                expected=1,
                level=None if known else "warning",
                what=f"there is no norm after the last block{which}",
            )


def missing_halves_of_norms(
    tensors: Sequence[TensorLike], places: Components, stacks: Sequence[Stack]
) -> Iterator[Finding]:
    """Tell of norms with a bias and no weight, or without the bias that all other norms have.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        Tensors outside the blocks.
    places : Components
        What they are.
    stacks : sequence of Stack
        The blocks.

    Yields
    ------
    Finding
    """
    halves: dict[str, dict[str, str]] = {}
    for tensor, block in zip(tensors, places.blocks, strict=True):
        module, _, last = tensor.name.rpartition(".")
        if block is None and last in _HALVES and len(tensor.shape) == 1 and _is_norm(module):
            halves.setdefault(module, {})[_HALVES[last]] = last
    with_bias = _all_have_biases(stacks)
    plain = _without_biases(halves)
    for module, there in halves.items():
        lost = "bias" if "weight" in there else "weight"
        if len(there) == 2 or (lost == "bias" and (not with_bias or module in plain)):
            continue
        last = _OTHER_HALF[next(iter(there.values()))]
        other = "all other norms have one" if lost == "bias" else "its bias is there"
        yield RULES["missing-part"].finding(
            Place(tensor=f"{module}.{last}", kind="norm" if lost == "weight" else "bias"),
            value=0,
            expected=1,
            what=f"missing; {other}",
        )


def _without_biases(halves: Mapping[str, Mapping[str, str]]) -> set[str]:
    """Return norms of a list, such as those of several time steps, none of which has a bias."""
    lists = {module: _NUMBER.sub("#", module) for module in halves}
    members = Counter(lists.values())
    with_bias = {lists[module] for module, there in halves.items() if "bias" in there}
    return {module for module, each in lists.items() if members[each] > 1 and each not in with_bias}


def _is_norm(module: str) -> bool:
    return NORM.search(module.rpartition(".")[2]) is not None


def _all_have_biases(stacks: Sequence[Stack]) -> bool:
    """Whether every norm in the blocks has a bias, with one block lacking its own at most."""
    norms = [
        (counts, {*stack.parts.get(f"{module}.bias", ()), *stack.parts.get(f"{module}.beta", ())})
        for stack in stacks
        for module, counts in stack.weights.items()
        if stack.modules[module].kind == "norm"
    ]
    return sum(len(counts) for counts, _ in norms) >= _FEWEST_BLOCKS and all(
        len(biases) + 1 >= len(counts) > 1 for counts, biases in norms
    )


def _looks_like_one_with_last_norm(stack: Stack) -> bool:
    """Whether all families whose blocks look like these have a last norm."""
    alike = [
        family
        for family, modules in FAMILY_BLOCKS.items()
        if all(
            kind == "other" or (module in stack.modules and stack.modules[module].kind == kind)
            for module, kind in modules.items()
        )
    ]
    return bool(alike) and _WITH_LAST_NORM.issuperset(alike)
