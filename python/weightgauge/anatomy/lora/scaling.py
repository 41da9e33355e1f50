"""The number that an adapter's product is multiplied with, from whatever states it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weightgauge.anatomy.storage import Factor
from weightgauge.errors import printable

CONFIG = "adapter_config.json"
_REGEX = frozenset("*+?()[]{}|\\$")
_LARGEST = 1e30


def factor_of(
    module: str, rank: int, config: Mapping[str, Any] | None, *, source: str = CONFIG
) -> Factor:
    """Return the number that B A is multiplied with before it is added to a weight.

    It is lora_alpha / r, or lora_alpha / sqrt(r) for rank-stabilised adapters.

    Parameters
    ----------
    module : str
        Path of the adapted module.
    rank : int
        Rank of its factors.
    config : mapping or None
        The content of `adapter_config.json`, or what says the same. Without ``r`` the rank is that
        of the factors, unless it is `adapter_config.json` itself.
    source : str
        Where that was read.

    Returns
    -------
    Factor
        1 and a reason, where the settings are missing or contradict the factors.
    """
    if config is None:
        return Factor(1.0, "", f"no {CONFIG} can be read")
    try:
        stated = float(rank)
        if source == CONFIG or "r" in config:
            stated = _of_module(module, config, "r", "rank_pattern", source)
        alpha = _of_module(module, config, "lora_alpha", "alpha_pattern", source)
    except ValueError as error:
        return Factor(1.0, "", str(error))
    if stated != rank:
        told = f"{source} says rank {stated:g}, the factors {rank:,}"
        return Factor(1.0, "", told, contradicted=True)
    stabilised = config.get("use_rslora", False)
    if not isinstance(stabilised, bool):
        return Factor(1.0, "", f"use_rslora in {source} is neither true nor false")
    value = alpha / (math.sqrt(rank) if stabilised else rank)
    if not abs(value) < _LARGEST:
        return Factor(1.0, "", f"lora_alpha in {source} is no reasonable number")
    return Factor(value, f"lora_alpha/{'sqrt(r)' if stabilised else 'r'} = {value:.6g}")


def factor_of_alpha(alpha: float, rank: int) -> Factor:
    """Return the number that B A is multiplied with where a tensor beside them holds alpha."""
    if alpha == 0.0:
        return Factor(1.0, "", "its alpha is 0, so the product would be nothing")
    value = alpha / rank
    if not abs(value) < _LARGEST:  # NaN is not below it either
        return Factor(1.0, "", "its alpha is no reasonable number")
    return Factor(value, f"alpha/r = {value:.6g}")


def adapts_stack(module: str, rank: int, config: Mapping[str, Any] | None) -> bool:
    """Whether factors hold those of many stacked matrices, such as experts, side by side.

    The product of such factors would mix the matrices with each other.
    """
    if config is None or not config.get("target_parameters"):
        return False
    try:
        stated = _of_module(module, config, "r", "rank_pattern", CONFIG)
    except ValueError:
        return False
    return 0 < stated < rank and rank % stated == 0


def _of_module(
    module: str, config: Mapping[str, Any], key: str, patterns: str, source: str
) -> float:
    """Return the value of the first pattern that the module's path ends in, else of the key."""
    value, told = config.get(key), key
    table = config.get(patterns) or {}
    if not isinstance(table, Mapping):
        raise ValueError(f"{patterns} in {source} is no table")
    for pattern, of_pattern in table.items():
        # PEFT allows regular expressions there. They are not matched: one could run for years.
        if _REGEX & set(pattern):
            raise ValueError(f"'{printable(pattern)}' in {patterns} is a regular expression")
        whole = pattern.startswith("^")
        tail = pattern.removeprefix("^")
        if module == tail or (not whole and module.endswith(f".{tail}")):
            value, told = of_pattern, patterns
            break
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{told} in {source} is no number")
    return float(value)
