"""Sizes of multi-head latent attention, from the configuration, checked against shapes."""

from __future__ import annotations

from weightgauge.anatomy.architecture.attention import Heads
from weightgauge.anatomy.architecture.evidence import Evidence
from weightgauge.anatomy.architecture.facts import MLA
from weightgauge.anatomy.architecture.settings import Settings
from weightgauge.errors import printable

_NEEDED = ("kv_lora_rank", "qk_nope_head_dim", "qk_rope_head_dim", "v_head_dim")


def latent_attention(settings: Settings, seen: Evidence) -> tuple[Heads, MLA | None]:
    """Determine heads and sizes of latent attention.

    Parameters
    ----------
    settings : Settings
        The tower's configuration.
    seen : Evidence
        Its shapes.

    Returns
    -------
    Heads
        Every query head has a key head and a value head of its own, whose lengths differ.
    MLA or None
        None if a size is not known. Also None, with a warning and unknown heads, if a size
        contradicts a shape.
    """
    given = settings.number("heads")
    heads = None if given is None else given[1]
    sizes = _from_shapes(seen, heads)
    stated: dict[str, str] = {}
    for fact in ("q_lora_rank", *_NEEDED):
        given = settings.number(fact, least=0 if fact.startswith("qk_") else 1)
        if given is not None:
            stated[fact], sizes[fact] = given
    if any(fact not in sizes for fact in _NEEDED):
        return Heads(heads, heads), None
    if not _consistent(settings, seen, heads, sizes, stated):
        return Heads(), None
    return Heads(heads, heads), MLA(sizes.get("q_lora_rank"), *(sizes[fact] for fact in _NEEDED))


def _from_shapes(seen: Evidence, heads: int | None) -> dict[str, int]:
    """Return the sizes that follow from shapes alone."""
    sizes: dict[str, int] = {}
    kv_a, kv_b, q_a, o = (_one(seen, kind) for kind in ("kv_a", "kv_b", "q_a", "o"))
    if q_a:
        sizes["q_lora_rank"] = q_a[0]
    if kv_b:
        sizes["kv_lora_rank"] = kv_b[1]
        if kv_a and kv_a[0] >= kv_b[1]:
            sizes["qk_rope_head_dim"] = kv_a[0] - kv_b[1]
        if o and heads and o[1] % heads == 0 and kv_b[0] % heads == 0 and kv_b[0] > o[1]:
            sizes["v_head_dim"] = o[1] // heads
            sizes["qk_nope_head_dim"] = (kv_b[0] - o[1]) // heads
    return sizes


def _one(seen: Evidence, kind: str) -> tuple[int, ...] | None:
    shapes = seen.of(kind)
    return next(iter(shapes)) if len(shapes) == 1 else None


def _consistent(
    settings: Settings,
    seen: Evidence,
    heads: int | None,
    sizes: dict[str, int],
    stated: dict[str, str],
) -> bool:
    """Check every shape that follows from the sizes; warn about the first that differs.

    A size that agrees with one shape is not blamed for another.
    """
    rank, nope, rope, v = (sizes[fact] for fact in _NEEDED)
    rows = {
        "q_a": (("q_lora_rank",), sizes.get("q_lora_rank")),
        "kv_a": (("kv_lora_rank", "qk_rope_head_dim"), rank + rope),
        "q_b": (("qk_nope_head_dim", "qk_rope_head_dim"), heads and heads * (nope + rope)),
        "kv_b": (("qk_nope_head_dim", "v_head_dim"), heads and heads * (nope + v)),
    }
    # The output projection depends on v alone, so it shows whether v or the rest of kv_b is wrong.
    inputs = {shape[1] for shape in seen.of("o")}
    confirmed = set()
    if heads and inputs:
        confirmed.add("v_head_dim" if heads * v in inputs else "qk_nope_head_dim")
    for kind, (facts, expected) in rows.items():
        shapes = seen.of(kind)
        if not shapes or expected is None:
            continue
        if any(shape[0] == expected for shape in shapes):
            confirmed.update(facts)
            continue
        blamed = [
            (stated[fact], sizes[fact]) for fact in facts if fact in stated.keys() - confirmed
        ]
        # If every size is confirmed, the number of heads is wrong.
        given = settings.number("heads") if confirmed.issuperset(facts) else None
        if blamed or given:
            shape, name = next(iter(shapes.items()))
            settings.contradict(
                *(given or blamed[0]),
                f"makes {expected:,} rows, not the {shape[0]:,} of '{printable(name)}'",
            )
        return False
    return True
