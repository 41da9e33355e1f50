"""Kinds of weights that no block of a stack has, though the others are of no use without them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from weightgauge.anatomy.family_blocks import FAMILY_BLOCKS
from weightgauge.anatomy.stacks import Stack
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding, Place, enumerated
from weightgauge.wording import counted

_FEWEST_BLOCKS = 3
"""Stacks of fewer blocks, such as those that draft tokens, may do without a norm, and be parts."""

_MATRICES_OF_ATTENTION = ("q", "q_a", "q_b", "k", "v", "kv", "kv_a", "kv_b", "qkv", "o")
_FUSED = {
    "q": ("q", "qkv", "q_a", "q_b"),
    "k": ("k", "kv", "qkv", "kv_a", "kv_b"),
    "v": ("v", "kv", "qkv", "kv_a", "kv_b"),
    "o": ("o",),
    "gate": ("gate", "gate_up"),
    "up": ("up", "gate_up"),
    "down": ("down", "ffn_out"),
    "ffn_in": ("ffn_in", "gate_up", "up"),
    "ffn_out": ("ffn_out", "down"),
    "gate_up": ("gate_up", "gate", "ffn_in"),
    "qkv": ("qkv", "q", "kv"),
    "router": ("router",),
    "q_a": ("q_a",),
    "q_b": ("q_b",),
    "kv_a": ("kv_a",),
    "kv_b": ("kv_b", "kv"),
    "ssm": (),
    "other": (),
}
"""Kinds any of which holds a kind, in a matrix of its own or fused with others. Matrices of state
space layers are told apart by their names alone."""

WORDS = {
    "q": "queries (q)",
    "k": "keys (k)",
    "v": "values (v)",
    "qkv": "queries, keys and values (qkv)",
    "q_a": "way down to queries (q_a)",
    "q_b": "queries (q_b)",
    "kv_a": "way down to keys and values (kv_a)",
    "kv_b": "keys and values (kv_b)",
    "o": "output of attention (o)",
    "gate": "gate",
    "up": "way up (up)",
    "gate_up": "gate and way up (gate_up)",
    "down": "way down (down)",
    "ffn_in": "way in of the feed-forward network (ffn_in)",
    "ffn_out": "way out of the feed-forward network (ffn_out)",
    "router": "router of the experts",
    "ssm": "state space layer",
    "other": "convolution",
    "norm": "norms",
}
"""What readers know a kind by."""

HALVES: tuple[tuple[tuple[str, ...], str], ...] = (
    (("q", "k"), "v"),
    (("q", "k", "v"), "o"),
    (("q", "kv"), "o"),
    (("qkv",), "o"),
    (("k", "v", "o"), "q"),
    (("q", "v", "o"), "k"),
    (("kv_a",), "kv_b"),
    (("kv_b",), "kv_a"),
    (("kv_b", "o"), "q"),
    (("q_a",), "q_b"),
    (("q_b",), "q_a"),
    (("gate", "up"), "down"),
    (("gate", "down"), "up"),
    (("up", "down"), "gate"),
    (("gate_up",), "down"),
    (("ffn_in",), "ffn_out"),
    (("ffn_out",), "ffn_in"),
)
"""Kinds that are of no use alone, and the kind that must be with them."""

_IN_LAYERS_OF_THEIR_OWN = ("ffn_in", "ffn_out")
"""Kinds that need not lie in one module, unless that is an expert."""
_EXPERTS = re.compile(r"(?:^|\.)(?:(?:local_)?experts|switch_mlp)(?:\.|$)")
_CHOOSES = re.compile("router|gate")
_DEEP = 2
"""Modules with as many dots in their name, such as `self_attn.indexer.wk`, serve another end."""
_OF_THE_BLOCK = re.compile(r"^[^.]*out[^.]*$")
"""One output of attention and of the network beside it, as in the single blocks of Flux."""
_ACTIVATIONS = ("hidden_act", "hidden_activation")
_HEADS = ("num_attention_heads", "n_head", "n_heads", "num_heads")
_INNER = ("intermediate_size", "ffn_dim", "d_ff", "n_inner")
_EPSILONS = ("rms_norm_eps", "layer_norm_eps", "layer_norm_epsilon", "norm_eps", "norm_epsilon")


def without(stack: Stack, given: Sequence[str], needed: str) -> set[int]:
    """Return the blocks that have all given kinds of matrix, and not the one that is needed.

    A matrix of no known kind may be the one that is needed.
    """
    both = set.intersection(*(stack.of(kind) for kind in given))
    return both - stack.of(*_FUSED[needed], "other")


def _is_plain(stack: Stack) -> bool:
    """Whether a projection called gate has a norm beside it, as in networks without a gate."""
    layers = {
        kind: {
            module.rpartition(".")[0]
            for module, known in stack.modules.items()
            if known.kind == kind
        }
        for kind in ("gate", "norm")
    }
    return not layers["gate"].isdisjoint(layers["norm"])


def _gate_holds_up(stack: Stack) -> bool:
    """Whether a gate has the rows of the way up as well: twice as many as the way down reads."""
    rows = {stack.shapes[name][0] for name, each in stack.modules.items() if each.kind == "gate"}
    read = {stack.shapes[name][-1] for name, each in stack.modules.items() if each.kind == "down"}
    return any(2 * width in rows for width in read)


def lost_kinds(
    stack: Stack, model_type: str | None, config: Mapping[str, Any], *, norm_outside: bool
) -> Iterator[Finding]:
    """Tell of kinds that no block has.

    Parameters
    ----------
    stack : Stack
        The blocks.
    model_type : str or None
        The family that the configuration names, if it is about these blocks.
    config : mapping
        The section of the configuration that is about them; empty if none is.
    norm_outside : bool
        Whether there is a norm with weights outside the blocks.

    Yields
    ------
    Finding
    """
    family = FAMILY_BLOCKS.get(model_type or "", {})
    if len(stack.names) < (2 if family else _FEWEST_BLOCKS):
        return  # perhaps a part of a block
    if not (family or norm_outside or stack.of("norm")):
        return  # matrices that were taken out of a model
    shared = "v" if config.get("attention_k_eq_v") else ""  # keys are values as well
    told: set[tuple[str, str]] = set()
    family = {module: kind for module, kind in family.items() if kind != shared}
    for modules in _lost_of_family(stack, family, norm_outside=norm_outside):
        told.update((_layer(module, kind), kind) for module, kind in modules.items())
        yield _family_told(stack, modules, printable(model_type or ""))
    layers = _layers(stack)
    for given, needed in HALVES:
        for layer, kinds in layers.items():
            if needed == shared or _is_told(told, layer, needed):
                continue
            if layer and needed in _IN_LAYERS_OF_THEIR_OWN and not _EXPERTS.search(layer):
                continue
            lone = _of_no_use(stack, kinds, given, needed)
            if lone:
                told.add((layer, needed))
                left = enumerated([WORDS[kind] for kind in given])
                where = f" in {printable(layer)}" if layer else ""
                what = f"the {WORDS[needed]}{where}, though {len(lone):,} have {left}"
                yield _told(stack, needed, what)
    yield from _without_router(stack, told)
    yield from _without_gate(stack, config, told)
    if not told:
        yield from _stated(stack, config, norm_outside=norm_outside)


def _layer(module: str, kind: str) -> str:
    """Return the path of the attention or the network that a module is a part of."""
    *parts, _ = module.split(".")
    if kind in _MATRICES_OF_ATTENTION:
        for number, part in enumerate(parts):
            if "att" in part.lower():
                return ".".join(parts[: number + 1])
    if parts[-1:] == ["#"] and not _EXPERTS.search(module):
        parts.pop()  # the layers of a network in a list: its first one may be a module of two parts
    return ".".join(parts)


_Kinds = dict[str, set[int]]
"""The blocks in which a layer has each kind."""


def _layers(stack: Stack) -> dict[str, _Kinds]:
    """Return what each attention and each network has, and under "" what all have together.

    A matrix of no known kind is "other" in each layer whose modules it lies beside.
    """
    found: dict[str, _Kinds] = {}
    parents: dict[str, set[str]] = {}
    for module, known in stack.modules.items():
        if known.kind == "norm":
            continue
        layer = _layer(module, known.kind)
        blocks = found.setdefault(layer, {}).setdefault(known.kind, set())
        blocks.update(stack.weights[module])
        parents.setdefault(layer, {layer}).add(module.rpartition(".")[0])
    for layer, beside in parents.items():
        for module, blocks in stack.unknown.items():
            if _may_be_of(module, layer, beside):
                found[layer].setdefault("other", set()).update(blocks)
    return {layer: kinds for layer, kinds in found.items() if layer} | {"": stack.kinds}


def _may_be_of(module: str, layer: str, beside: set[str]) -> bool:
    """Whether a matrix of no known kind may be a part of a layer whose modules lie in `beside`."""
    of_attention = "att" in layer.lower()
    inside = "att" in module.partition(".")[0].lower() and module.count(".") < _DEEP
    return (
        module in beside
        or module.rpartition(".")[0] in beside
        or (of_attention and (inside or _OF_THE_BLOCK.search(module) is not None))
    )


def _is_told(told: set[tuple[str, str]], layer: str, kind: str) -> bool:
    kinds = {kind, *_FUSED[kind]}
    return any(each in kinds and (layer in ("", other)) for other, each in told)


def _of_no_use(stack: Stack, kinds: _Kinds, given: Sequence[str], needed: str) -> set[int]:
    """Return the blocks in which the kinds that a layer has are of no use."""
    if any(kind not in kinds for kind in given) or any(kind in kinds for kind in _FUSED[needed]):
        return set()
    if needed == "up" and (_is_plain(stack) or _gate_holds_up(stack)):
        return set()
    both = set.intersection(*(kinds[kind] for kind in given))
    lone = both - kinds.get("other", set())
    return lone if 2 * len(lone) > len(both) else set()


def _without_router(stack: Stack, told: set[tuple[str, str]]) -> Iterator[Finding]:
    """Tell of experts among which nothing chooses."""
    experts = [module for module in stack.modules if _EXPERTS.search(module)]
    if not experts or any(kind == "router" for _, kind in told) or stack.routed:
        return
    beside = {_EXPERTS.split(module)[0].rstrip(".") for module in experts}
    if any(
        module.rpartition(".")[0] in beside or module in beside or _CHOOSES.search(module)
        for module in stack.unknown
        if module not in experts  # whose scales are of no kind
    ):
        return  # it may be the router
    blocks = set().union(*(stack.weights[module] for module in experts))
    told.add(("", "router"))
    yield _told(
        stack,
        "router",
        f"a {WORDS['router']}, though {counted(len(blocks), 'block has', 'blocks have')} experts",
    )


def _without_gate(
    stack: Stack, config: Mapping[str, Any], told: set[tuple[str, str]]
) -> Iterator[Finding]:
    """Tell of gates that are gone: without them, the ways up and down look like a plain network."""
    act = next((config[key] for key in _ACTIVATIONS if key in config), None)
    layers = {
        module.removesuffix(".up_proj")
        for module, known in stack.modules.items()
        if known.kind == "ffn_in" and module.endswith(".up_proj")
    }
    if act != "silu" or not layers or any(kind == "gate" for _, kind in told):
        return
    for layer in sorted(layers):
        told.add((layer, "gate"))
        what = f"the gate in {printable(layer)}, though config.json says that there is one (silu)"
        yield _told(stack, "gate", what)


def _lost_of_family(
    stack: Stack, needed: Mapping[str, str], *, norm_outside: bool
) -> Iterator[dict[str, str]]:
    """Yield modules of one layer that a family has, and no block of the stack, with their kinds."""
    there = stack.modules.keys() | stack.others.keys()
    if there.isdisjoint(needed):
        return  # named by another program
    lost: dict[str, dict[str, str]] = {}
    for module, kind in needed.items():
        if kind == "norm" or module in there or stack.of(*_FUSED[kind]):
            continue
        layer = module.rpartition(".")[0]
        if any(other.rpartition(".")[0].startswith(layer) for other in _unknown(stack, needed)):
            continue  # it may be stored in another form
        lost.setdefault(layer, {})[module] = kind
    yield from lost.values()
    norms = {module: kind for module, kind in needed.items() if kind == "norm"}
    found = {module for module, known in stack.modules.items() if known.kind == "norm"}
    found |= stack.others.keys() & norms
    gone = {module: kind for module, kind in norms.items() if module not in there}
    # With as many norms as there should be, those of other names stand in for them.
    enough = len(stack.names) >= _FEWEST_BLOCKS and bool(found or norm_outside)
    if gone and len(found) < len(norms) and enough:
        yield gone


def _unknown(stack: Stack, needed: Mapping[str, str]) -> set[str]:
    """Return modules of no known kind that are none of a family's own."""
    return set(stack.others) - set(needed) - set(stack.modules)


def _family_told(stack: Stack, modules: Mapping[str, str], family: str) -> Finding:
    kinds = list(dict.fromkeys(modules.values()))
    names = enumerated([printable(module) for module in modules])
    words = enumerated([WORDS[kind] for kind in kinds])
    return _told(
        stack,
        kinds[0] if len(kinds) == 1 else None,
        f"the {words}: {names}; {family} models have {'it' if len(modules) == 1 else 'them'}",
    )


def _stated(stack: Stack, config: Mapping[str, Any], *, norm_outside: bool) -> Iterator[Finding]:
    """Tell of attention, feed-forward network or norms that the configuration states."""
    if len(stack.names) < _FEWEST_BLOCKS or stack.of("other", "ssm"):
        return
    attention = _key(config, _HEADS)
    if attention and not stack.of(*_MATRICES_OF_ATTENTION):
        yield _told(stack, None, f"attention, though config.json says {attention}")
    inner = _key(config, _INNER)
    if inner and not stack.of("gate", "up", "gate_up", "down", "ffn_in", "ffn_out", "router"):
        yield _told(stack, None, f"a feed-forward network, though config.json says {inner}")
    epsilon = _key(config, _EPSILONS)
    norms = any(known.kind == "norm" for known in stack.modules.values())
    # Where no norm has weights, none is missed.
    if epsilon and norm_outside and not norms and not stack.others:
        yield _told(stack, "norm", f"norms, though config.json says {epsilon}")


def _key(config: Mapping[str, Any], keys: Sequence[str]) -> str:
    """Return the first of the keys that has a positive number, with it; else an empty string."""
    for key in keys:
        value = config.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 10**7:
            return f"{key} = {value}"
    return ""


def _told(stack: Stack, kind: str | None, what: str) -> Finding:
    return RULES["missing-part"].finding(
        Place(kind=kind, tower=stack.tower),
        value=0,
        expected=len(stack.names),
        what=f"{printable(stack.path)}: no block has {what}",
    )
