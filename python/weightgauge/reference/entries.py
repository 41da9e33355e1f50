"""The published medians as records and as tables."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

from weightgauge.frames import InPolars, TypedRows, frame_of
from weightgauge.records import as_row

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]


@dataclass(frozen=True, slots=True)
class Medians:
    """Medians over the blocks of a model, for one kind of matrix.

    Attributes
    ----------
    k, lam : float
        Weibull shape, and scale in the unit of the weights, by the paper's protocol.
    r2 : float
        Squared correlation of the probability plot; NaN where it is not published.
    """

    k: float
    lam: float
    r2: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)


@dataclass(frozen=True, slots=True, repr=False)
class Training:
    """How a model was trained, as far as the paper says.

    Attributes
    ----------
    tokens : str
        Tokens seen, such as "300B".
    peak_lr, weight_decay : float
        Largest learning rate, and decoupled weight decay.
    steps : int
        Optimiser steps T.
    confidence : str
        "explicit" where the makers published it, else "inferred" or "estimated".
    """

    tokens: str
    peak_lr: float
    weight_decay: float
    steps: int
    confidence: str

    @property
    def steps_per_tau(self) -> float:
        """T/tau with tau = 1/(peak_lr weight_decay) steps (Wang and Aitchison, 2405.13698)."""
        return self.steps * self.peak_lr * self.weight_decay

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, `steps_per_tau` included."""
        return {**as_row(self), "steps_per_tau": self.steps_per_tau}

    def __repr__(self) -> str:
        """Show the length of training."""
        return (
            f"<Training: {self.tokens} tokens, {self.steps:,} steps, {self.steps_per_tau:.2f} tau>"
        )


@dataclass(frozen=True, slots=True, repr=False)
class ReferenceModel:
    """One model of the paper's table.

    Attributes
    ----------
    id, family, size : str
        Such as "pythia-70m", "Pythia" and "70m".
    attention, storage : str
        "MHA" or "GQA"; "merged" where q, k and v lie in one tensor, else "separate".
    heads, kv_heads : int or None
        Numbers of query and of key and value heads; None where the paper gives none.
    qk_norm : bool
        Whether queries and keys are normalised.
    training : Training
        Learning rate, weight decay and steps.
    kinds : mapping of str to Medians
        By kind, in the spelling of `weightgauge.anatomy.components.KINDS`.
    """

    id: str
    family: str
    size: str
    attention: str
    storage: str
    heads: int | None
    kv_heads: int | None
    qk_norm: bool
    training: Training
    kinds: Mapping[str, Medians]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; training and kinds are dicts of their own."""
        return _plain_entry(self)

    def __repr__(self) -> str:
        """Show the id and how attention is built."""
        return (
            f"<ReferenceModel {self.id}: {self.attention}, {self.storage}, {len(self.kinds)} kinds>"
        )


@dataclass(frozen=True, slots=True, repr=False)
class CohortEntry:
    """One model of the paper's comparison of Qwen models.

    Attributes
    ----------
    id, family, size : str
        Such as "Qwen2.5-7B", "Qwen2.5" and "7B".
    blocks : int
        How many blocks it has.
    tokens : str
        Tokens seen.
    math : bool
        Whether training went on with mathematical texts.
    regime : str
        The paper's label: "A", or "B" where k of gate, up and down is low in the first blocks.
    shallow_median_k_gate, deep_median_k_gate : float
        Median k of gate in blocks 0 to 5, and in all other blocks.
    shallow_min_k : float
        Smallest k of gate, up and down in blocks 0 to 5.
    kinds : mapping of str to Medians
        By kind.
    """

    id: str
    family: str
    size: str
    blocks: int
    tokens: str
    math: bool
    regime: str
    shallow_median_k_gate: float
    deep_median_k_gate: float
    shallow_min_k: float
    kinds: Mapping[str, Medians]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON; kinds are dicts of their own."""
        return _plain_entry(self)

    def __repr__(self) -> str:
        """Show the id and the regime."""
        return f"<CohortEntry {self.id}: regime {self.regime}, {self.blocks} blocks>"


_Entry = TypeVar("_Entry", bound=ReferenceModel | CohortEntry)


class Published(Mapping[str, _Entry], InPolars):
    """Published models by id, in the paper's order, which can become a table.

    Parameters
    ----------
    entries : mapping of str to ReferenceModel or CohortEntry
        The models.
    """

    def __init__(self, entries: Mapping[str, _Entry]) -> None:
        self._entries: Mapping[str, _Entry] = MappingProxyType(dict(entries))

    def __getitem__(self, id: str) -> _Entry:
        return self._entries[id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def to_dicts(self) -> list[dict[str, Any]]:
        """Return one dict of plain values per model and kind."""
        rows = []
        for entry in self.values():
            about = entry.to_dict()
            kinds = about.pop("kinds")
            about |= about.pop("training", {})
            rows += [{**about, "kind": kind, **medians} for kind, medians in kinds.items()]
        return rows

    def to_pandas(self) -> pd.DataFrame:
        """Return a DataFrame with one row per model and kind.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        rows = self.to_dicts()
        formats = {"heads": "Int64", "kv_heads": "Int64", "r2": "float64"}
        return frame_of(rows, {name: formats[name] for name in formats.keys() & rows[0].keys()})

    def typed_rows(self) -> TypedRows:
        """Return the rows of `to_pandas` and the types of their columns."""
        rows = self.to_dicts()
        return rows, dict.fromkeys(rows[0], "")

    def __repr__(self) -> str:
        """Show how many models there are."""
        return f"<Published: {len(self)} models from {next(iter(self))} on>"


def models() -> Published[ReferenceModel]:
    """Return the 12 models of the paper's table.

    Returns
    -------
    Published of ReferenceModel
        A mapping by id, in the paper's order.

    Examples
    --------
    >>> import weightgauge as wg
    >>> wg.reference.models()["pythia-70m"].kinds["o"].k
    1.183794
    """
    return _models()


def qwen_cohort() -> Published[CohortEntry]:
    """Return the 11 models of the paper's comparison of Qwen models.

    Returns
    -------
    Published of CohortEntry
        A mapping by id, in the paper's order.
    """
    return _qwen_cohort()


@cache
def _models() -> Published[ReferenceModel]:
    return Published(
        {
            entry["id"]: ReferenceModel(
                id=entry["id"],
                family=entry["family"],
                size=entry["size"],
                attention=entry["attention"],
                storage=entry["storage"],
                heads=entry.get("heads"),
                kv_heads=entry.get("kv_heads"),
                qk_norm=entry["qk_norm"],
                training=Training(**entry["training"]),
                kinds=_kinds(entry),
            )
            for entry in _document("models.toml")["models"]
        }
    )


@cache
def _qwen_cohort() -> Published[CohortEntry]:
    return Published(
        {
            entry["id"]: CohortEntry(**(entry | {"kinds": _kinds(entry)}))
            for entry in _document("qwen_cohort.toml")["qwen_cohort"]
        }
    )


def _plain_entry(entry: ReferenceModel | CohortEntry) -> dict[str, Any]:
    plain: dict[str, Any] = {each.name: getattr(entry, each.name) for each in fields(entry)}
    if isinstance(entry, ReferenceModel):
        plain["training"] = entry.training.to_dict()
    plain["kinds"] = {kind: medians.to_dict() for kind, medians in entry.kinds.items()}
    return plain


def _kinds(entry: dict[str, Any]) -> Mapping[str, Medians]:
    return MappingProxyType(
        {
            kind: Medians(values["k"], values["lambda"], values.get("r2", math.nan))
            for kind, values in entry["kinds"].items()
        }
    )


def _document(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))
