"""The published medians as records."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Medians:
    """Medians over the blocks of a model, for one kind of matrix.

    Attributes
    ----------
    k, lam : float
        Weibull shape, and scale in the unit of the weights, by the paper's protocol.
    r2 : float or None
        Squared correlation of the probability plot; None where it is not published.
    """

    k: float
    lam: float
    r2: float | None = None


@dataclass(frozen=True, slots=True)
class Training:
    """How a model was trained, as far as the paper knows.

    Attributes
    ----------
    tokens : str
        Tokens seen, such as "300B".
    peak_lr, weight_decay : float
        Largest learning rate; decoupled weight decay.
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
        Median k of gate in blocks 0 to 5, and in the others.
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


def models() -> Mapping[str, ReferenceModel]:
    """Return the 12 models of the paper's table.

    Returns
    -------
    mapping of str to ReferenceModel
        By id, in the paper's order.

    Examples
    --------
    >>> import weightgauge as wg
    >>> wg.reference.models()["pythia-70m"].kinds["o"].k
    1.183794
    """
    return _models()


def qwen_cohort() -> Mapping[str, CohortEntry]:
    """Return the 11 models of the paper's comparison of Qwen models.

    Returns
    -------
    mapping of str to CohortEntry
        By id, in the paper's order.
    """
    return _qwen_cohort()


@cache
def _models() -> Mapping[str, ReferenceModel]:
    return MappingProxyType(
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
def _qwen_cohort() -> Mapping[str, CohortEntry]:
    return MappingProxyType(
        {
            entry["id"]: CohortEntry(**(entry | {"kinds": _kinds(entry)}))
            for entry in _document("qwen_cohort.toml")["qwen_cohort"]
        }
    )


def _kinds(entry: dict[str, Any]) -> Mapping[str, Medians]:
    return MappingProxyType(
        {
            kind: Medians(values["k"], values["lambda"], values.get("r2"))
            for kind, values in entry["kinds"].items()
        }
    )


def _document(name: str) -> dict[str, Any]:
    return tomllib.loads(resources.files(__package__).joinpath(name).read_text("utf-8"))
