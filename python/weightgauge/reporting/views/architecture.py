"""The architecture of a model in words: a line for each tower."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from weightgauge.anatomy.architecture import Architecture, TowerFacts
from weightgauge.errors import printable
from weightgauge.findings import Finding

_STORAGE = {
    "separate": "q, k and v stored separately",
    "merged": "q, k and v stored as one",
    "mixed": "q, k and v stored partly as one",
}


def architecture_lines(architecture: Architecture, findings: Iterable[Finding] = ()) -> list[str]:
    """Describe what is known of each tower.

    Parameters
    ----------
    architecture : Architecture
        The facts.
    findings : iterable of Finding
        What was found of the model. Where blocks are missing, it says how many there are.

    Returns
    -------
    list of str
        One line for each tower of which anything is known.
    """
    there = {
        each.tower: (each.value, each.expected)
        for each in findings
        if each.id == "missing-block"
        and isinstance(each.value, int)
        and isinstance(each.expected, int)
    }
    lines = []
    for facts in architecture.towers:
        known = "; ".join(_phrases(facts, there.get(facts.tower)))
        if known:
            lines.append(f"{facts.tower}: {known}" if facts.tower else known)
    return lines


def _phrases(facts: TowerFacts, blocks_there: tuple[int, int] | None) -> Iterator[str]:
    if facts.model_type is not None:
        yield printable(facts.model_type)
    if facts.blocks is not None:
        some, every = blocks_there or (facts.blocks, facts.blocks)
        of = f"{some:,} of " if some < every else ""
        yield of + _count(every, "block")
    if facts.hidden is not None:
        yield f"hidden {facts.hidden:,}"
    attention = " ".join(_attention(facts))
    if attention:
        yield attention
    if facts.experts is not None:
        yield _count(facts.experts, "expert")
    if facts.qk_norm:
        yield "QK-norm"
    if facts.storage is not None:
        yield _STORAGE[facts.storage]


def _attention(facts: TowerFacts) -> Iterator[str]:
    if facts.attention is not None:
        yield facts.attention
    if facts.heads is not None:
        sharing = facts.kv_heads not in (None, facts.heads)
        yield _count(facts.heads, "head") + (
            f" ({facts.kv_heads:,} for k and v)" if sharing else ""
        )
    if facts.head_dim is not None:
        yield (
            f"of {facts.head_dim:,}" if facts.heads is not None else f"heads of {facts.head_dim:,}"
        )
    if facts.mla is not None:
        latent, mla = [], facts.mla
        if mla.q_lora_rank is not None:
            latent.append(f"q latent {mla.q_lora_rank:,}")
        latent.append(f"kv latent {mla.kv_lora_rank:,}")
        latent.append(f"head {mla.qk_nope_head_dim:,} + {mla.qk_rope_head_dim:,} rotary")
        latent.append(f"v head {mla.v_head_dim:,}")
        yield f"({', '.join(latent)})"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
