"""Facts about the towers of a model, from `config.json` where it states them, else from shapes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from weightgauge.anatomy.architecture.attention import Heads, Widths, heads_of, widths_of
from weightgauge.anatomy.architecture.attention_type import attention_type
from weightgauge.anatomy.architecture.evidence import Evidence, gather
from weightgauge.anatomy.architecture.facts import Architecture, TowerFacts
from weightgauge.anatomy.architecture.latent import latent_attention
from weightgauge.anatomy.architecture.settings import Settings, bad_sections, section_of
from weightgauge.anatomy.architecture.spellings import QK_NORM
from weightgauge.anatomy.components import TOWERS, Component, TensorLike
from weightgauge.errors import printable
from weightgauge.wording import agreeing, counted

_LATENT = ("kv_a", "kv_b")


def architecture_of(
    tensors: Sequence[TensorLike],
    components: Sequence[Component],
    config: Mapping[str, Any] | None,
    *,
    complete: bool = False,
    forms: Sequence[int] | None = None,
) -> Architecture:
    """Describe every tower of a checkpoint.

    Parameters
    ----------
    tensors : sequence of TensorInfo
        All tensors of the checkpoint.
    components : sequence of Component
        Their components, from `weightgauge.anatomy.components.classify`.
    config : mapping or None
        Content of `config.json`, if there is one. Nothing in it raises. A value that makes no
        sense, or contradicts the shapes, becomes a warning, and the fact stays unknown.
    complete : bool
        Whether these are all weights of the model, so that no other blocks and experts exist.
    forms : sequence of int, optional
        Which tensors are of one form: see `weightgauge.anatomy.components.Classified`. It saves
        time, and changes nothing.

    Returns
    -------
    Architecture

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from weightgauge.anatomy.components import classify
    >>> prefix = "model.layers.0.self_attn"
    >>> shapes = {"q_proj": (64, 64), "k_proj": (16, 64), "v_proj": (16, 64), "o_proj": (64, 64)}
    >>> tensors = [
    ...     SimpleNamespace(name=f"{prefix}.{name}.weight", shape=shape, dtype="BF16")
    ...     for name, shape in shapes.items()
    ... ]
    >>> found = architecture_of(tensors, classify(tensors), {"num_attention_heads": 8}).of(None)
    >>> found.attention, found.heads, found.kv_heads, found.head_dim
    ('GQA', 8, 2, 8)
    """
    evidence = gather(tensors, components, forms)
    if not evidence and config:
        evidence = {None: Evidence()}
    warnings = bad_sections(config or {})
    contradictions: list[str] = []
    towers = []
    for tower in sorted(evidence, key=TOWERS.index):
        where, section = section_of(config or {}, tower, frozenset(evidence))
        settings = Settings(section, where, tower, warnings)
        towers.append(_describe(tower, settings, evidence[tower], complete))
        if tower is not None or len(evidence) == 1:  # else it may be about another tower
            contradictions += settings.contradictions
    return Architecture(
        tuple(towers),
        tuple(dict.fromkeys(warnings)),
        _tied(config or {}),
        tuple(dict.fromkeys(contradictions)),
    )


def _tied(config: Mapping[str, Any]) -> bool | None:
    """Return whether head and embedding are one matrix, as the configuration of the whole says."""
    sections = [config, *(config.get(name) for name in ("text_config", "decoder"))]
    stated = [each.get("tie_word_embeddings") for each in sections if isinstance(each, Mapping)]
    return next((each for each in stated if isinstance(each, bool)), None)


def _describe(tower: str | None, settings: Settings, seen: Evidence, complete: bool) -> TowerFacts:
    hidden = _hidden(settings, seen)
    latent = any(kind in seen.shapes for kind in _LATENT)
    widths = widths_of(seen, hidden)
    mla = None
    if latent:
        found, mla = latent_attention(settings, seen)
    else:
        found = heads_of(settings, seen, widths)
    return TowerFacts(
        tower=tower,
        model_type=settings.text("model_type"),
        hidden=hidden,
        blocks=_blocks(settings, seen, complete),
        heads=found.heads,
        kv_heads=found.kv_heads,
        head_dim=found.head_dim,
        experts=_experts(settings, seen, complete),
        attention="MLA" if latent else _attention(found, widths),
        storage=_storage(seen),
        qk_norm=_qk_norm(settings, seen),
        mla=mla,
        config=settings.section,
    )


def _hidden(settings: Settings, seen: Evidence) -> int | None:
    """Return the width of the residual stream; None where it varies, as in hierarchical models."""
    if "depths" in settings.section:
        return None
    shapes = seen.of("q", "k", "v", "qkv", "o", "q_a", "kv_a")
    sides = {side: name for shape, name in shapes.items() for side in shape}
    stated = list(settings.numbers("hidden"))
    if not stated:
        return next(iter(seen.norms)) if len(seen.norms) == 1 else _common_input(seen)
    for _, value in stated:
        if not sides or value in sides:
            return value
    if any(_has_a_section(settings.section, name, side) for side, name in sides.items()):
        return None  # what is stated above them is the width of something else
    key, value = stated[0]
    # One of several parts has a key of its own, such as decoder_hidden_size.
    for other, width in settings.section.items():
        if other.endswith(f"_{key}") and type(width) is int and width in sides:
            return width
    name = next(iter(shapes.values()))
    settings.contradict(key, value, f"is no side of '{printable(name)}' {list(next(iter(shapes)))}")
    return None


def _has_a_section(section: Mapping[str, Any], name: str, width: int) -> bool:
    """Whether a section is called like a module that a tensor lies in, and states its width."""
    parts = (section.get(f"{part}{end}") for part in name.split(".") for end in ("", "_config"))
    return any(
        width == stated
        for part in parts
        if isinstance(part, Mapping)
        for _, stated in Settings(part, "", None, []).numbers("hidden")
    )


def _common_input(seen: Evidence) -> int | None:
    """Return the width that attention reads, if it is also the width that it writes, else None."""
    inputs = {shape[1] for shape in seen.of("q", "k", "v", "q_a", "kv_a")}
    outputs = {shape[0] for shape in seen.of("o")} or inputs
    return inputs.pop() if len(inputs) == 1 and inputs == outputs else None


def _blocks(settings: Settings, seen: Evidence, complete: bool) -> int | None:
    if seen.stacks:
        return seen.stacks
    last = max(seen.blocks, default=-1)
    # A part of a model shows only some of its blocks.
    seen_blocks = len(seen.blocks) if 0 < len(seen.blocks) == last + 1 else None
    stated = None if "depths" in settings.section else settings.number("blocks")
    if stated is None:
        return seen_blocks
    key, blocks = stated
    # Blocks that draft further tokens are numbered after the others, but are not counted.
    drafts = settings.number("drafts", least=0) or ("", 0)
    if last >= blocks + drafts[1]:
        settings.warn(
            key, blocks, f"does not reach block {last} of '{printable(seen.blocks[last])}'"
        )
        return None
    # Where nothing names the tower, the section may describe another stack.
    own = settings.tower is not None or not settings.where
    if complete and own and seen_blocks is not None and seen_blocks < blocks:
        settings.warn(
            key,
            blocks,
            f"is more than the {counted(seen_blocks, 'block')} that there {agreeing(seen_blocks)}",
        )
        return seen_blocks
    return blocks


def _experts(settings: Settings, seen: Evidence, complete: bool) -> int | None:
    last = max(seen.expert_numbers, default=-1)
    stated = settings.number("experts", least=0)
    if stated is None:
        stacked = set(seen.stacked_experts)
        return stacked.pop() if len(stacked) == 1 and last < 0 else (last + 1 or None)
    key, experts = stated
    if last >= experts:
        name = seen.expert_numbers[last]
    elif seen.stacked_experts and experts not in seen.stacked_experts:
        name = next(iter(seen.stacked_experts.values()))
    elif last >= 0 and experts in seen.routed:
        return experts  # those that are not there are missing
    elif complete and 0 < len(seen.expert_numbers) == last + 1 < experts:
        settings.contradict(
            key,
            experts,
            f"is more than the {counted(last + 1, 'expert')} that there {agreeing(last + 1)}",
        )
        return last + 1
    elif complete and experts and not (seen.mixture or seen.stacked_experts):
        settings.warn(key, experts, "is told of a model without experts")
        return None
    else:
        return experts or None
    settings.contradict(key, experts, f"is not the number of experts of '{printable(name)}'")
    return None


def _attention(found: Heads, widths: Widths) -> str | None:
    if found.heads is None or found.kv_heads is None:
        same = len(widths.query) == 1 and widths.query.keys() == widths.key.keys()
        return "MHA" if same else None
    if found.heads % found.kv_heads:
        return None
    return attention_type(found.heads, found.kv_heads)


def _storage(seen: Evidence) -> str | None:
    separate = any(kind in seen.shapes for kind in ("q", "k", "v", "q_b"))
    merged = any(kind in seen.shapes for kind in ("qkv", "kv", "kv_b"))
    if separate and merged:
        return "mixed"
    return "separate" if separate else "merged" if merged else None


def _qk_norm(settings: Settings, seen: Evidence) -> bool | None:
    if seen.query_norms or seen.key_norms:
        return True
    # Some models normalise without weights, which only the configuration shows.
    if settings.flag(*QK_NORM):
        return True
    return False if seen.has_attention else None
