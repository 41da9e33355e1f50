"""Records of what is known about a model as a whole: one for each of its towers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from weightgauge.anatomy.architecture.settings import LARGEST
from weightgauge.anatomy.architecture.spellings import KEYS
from weightgauge.anatomy.components.places import stage_of
from weightgauge.errors import printable
from weightgauge.records import as_row

_HEADS, _KV_HEADS = KEYS["heads"].split(), KEYS["kv_heads"].split()


@dataclass(frozen=True, slots=True)
class MLA:
    """Sizes of multi-head latent attention.

    Attributes
    ----------
    q_lora_rank : int or None
        Width of the latent that queries are made from; None where q is a full projection.
    kv_lora_rank : int
        Width of the latent that keys and values are made from.
    qk_nope_head_dim, qk_rope_head_dim : int
        Lengths of the parts of a query or key head without and with rotary positions. All heads of
        a block share the rotary part of the key.
    v_head_dim : int
        Length of a value head.
    """

    q_lora_rank: int | None
    kv_lora_rank: int
    qk_nope_head_dim: int
    qk_rope_head_dim: int
    v_head_dim: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)


@dataclass(frozen=True, slots=True, repr=False)
class TowerFacts:
    """What is known about one stack of blocks. Facts that cannot be decided are None.

    Attributes
    ----------
    tower : str or None
        As in `weightgauge.anatomy.components.Component`.
    model_type : str or None
        What the configuration calls the model family.
    hidden : int or None
        Width of the residual stream.
    blocks : int or None
        Number of blocks.
    heads, kv_heads : int or None
        Number of query heads, and of key and value heads.
    head_dim : int or None
        Length of a head; None where query and value heads differ in length, as in latent attention.
    experts : int or None
        Number of routed experts in a block that has any.
    attention : str or None
        "MHA", "GQA", "MQA" or "MLA".
    storage : str or None
        "separate" where q, k and v are tensors of their own, "merged" where they share one tensor,
        "mixed" where both occur.
    qk_norm : bool or None
        Whether queries and keys are normalised.
    mla : MLA or None
        Sizes of latent attention.
    config : mapping
        The section of `config.json` that describes the tower; empty if there is none.
    """

    tower: str | None
    model_type: str | None = None
    hidden: int | None = None
    blocks: int | None = None
    heads: int | None = None
    kv_heads: int | None = None
    head_dim: int | None = None
    experts: int | None = None
    attention: str | None = None
    storage: str | None = None
    qk_norm: bool | None = None
    mla: MLA | None = None
    config: Mapping[str, Any] = field(default_factory=dict, repr=False)

    def of_stage(self, name: str) -> TowerFacts:
        """Return the facts for one tensor of a model whose stages differ in their number of heads.

        Parameters
        ----------
        name : str
            Name of the tensor, from which its stage follows.

        Returns
        -------
        TowerFacts
            With the heads of that stage; unchanged where all stages have the same number.
        """
        heads = next((self.config[key] for key in _HEADS if self.config.get(key) is not None), None)
        shared = any(self.config.get(key) is not None for key in _KV_HEADS)
        if not isinstance(heads, list) or self.heads is not None or shared:
            return self
        stage = stage_of(name)
        if stage is None or stage >= len(heads):
            return self
        number = heads[stage]
        if type(number) is not int or not 0 < number <= LARGEST:
            return self
        return replace(self, heads=number, kv_heads=number, head_dim=None)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; the configuration itself is left out."""
        return {
            "tower": self.tower,
            "model_type": self.model_type,
            "hidden": self.hidden,
            "blocks": self.blocks,
            "heads": self.heads,
            "kv_heads": self.kv_heads,
            "head_dim": self.head_dim,
            "experts": self.experts,
            "attention": self.attention,
            "storage": self.storage,
            "qk_norm": self.qk_norm,
            "mla": None if self.mla is None else self.mla.to_dict(),
        }

    def __repr__(self) -> str:
        """Show the family, the number of blocks and how attention is built."""
        name = self.tower or "whole model"
        family = printable(self.model_type or "unknown family", limit=40)
        return (
            f"<TowerFacts of {name}: {family}, {self.blocks} blocks, {self.heads} heads, "
            f"{self.attention}>"
        )


@dataclass(frozen=True, slots=True, repr=False)
class Architecture:
    """The towers of a model.

    Attributes
    ----------
    towers : tuple of TowerFacts
        One for each tower that has blocks, in the order of tables.
    warnings : tuple of str
        Where `config.json` contradicts the shapes, or itself; those facts are None.
    tied : bool or None
        Whether the configuration ties the output head to the embedding; None where it says nothing.
    contradictions : tuple of str
        Those of the warnings that tell of sizes that shapes contradict.
    """

    towers: tuple[TowerFacts, ...] = ()
    warnings: tuple[str, ...] = ()
    tied: bool | None = None
    contradictions: tuple[str, ...] = ()

    def of(self, tower: str | None) -> TowerFacts:
        """Return the facts of a tower, or a record without facts if nothing is known about it."""
        return next((facts for facts in self.towers if facts.tower == tower), TowerFacts(tower))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {"towers": [facts.to_dict() for facts in self.towers], "tied": self.tied}

    def __repr__(self) -> str:
        """Show which towers there are."""
        names = ", ".join(facts.tower or "whole model" for facts in self.towers)
        return f"<Architecture of {names or 'no blocks'}>"
