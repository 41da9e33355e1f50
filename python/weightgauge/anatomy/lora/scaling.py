"""The number that an adapter's product is multiplied with, from `adapter_config.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weightgauge.anatomy.storage import Factor
from weightgauge.errors import printable

_REGEX = frozenset("*+?()[]{}|\\$")


def factor_of(module: str, rank: int, config: Mapping[str, Any] | None) -> Factor:
    """Return the number that B A is multiplied with before it is added to a weight.

    It is lora_alpha / r, or lora_alpha / sqrt(r) for rank-stabilised adapters.

    Parameters
    ----------
    module : str
        Path of the adapted module.
    rank : int
        Rank of its factors.
    config : mapping or None
        The content of `adapter_config.json`.

    Returns
    -------
    Factor
        1 and a reason, where the configuration is missing or contradicts the factors.
    """
    if config is None:
        return Factor(1.0, "", "no adapter_config.json can be read")
    try:
        stated = _of_module(module, config, "r", "rank_pattern")
        alpha = _of_module(module, config, "lora_alpha", "alpha_pattern")
    except ValueError as error:
        return Factor(1.0, "", str(error))
    if stated != rank:
        return Factor(1.0, "", f"adapter_config.json says rank {stated:g}, the factors {rank:,}")
    stabilised = config.get("use_rslora", False)
    if not isinstance(stabilised, bool):
        return Factor(1.0, "", "use_rslora in adapter_config.json is neither true nor false")
    value = alpha / (math.sqrt(rank) if stabilised else rank)
    if not abs(value) < 1e30:
        return Factor(1.0, "", "lora_alpha in adapter_config.json is no reasonable number")
    return Factor(value, f"lora_alpha/{'sqrt(r)' if stabilised else 'r'} = {value:.6g}")


def adapts_stack(module: str, rank: int, config: Mapping[str, Any] | None) -> bool:
    """Whether factors hold those of many stacked matrices, such as experts, side by side.

    The product of such factors would mix the matrices with each other.
    """
    if config is None or not config.get("target_parameters"):
        return False
    try:
        stated = _of_module(module, config, "r", "rank_pattern")
    except ValueError:
        return False
    return 0 < stated < rank and rank % stated == 0


def _of_module(module: str, config: Mapping[str, Any], key: str, patterns: str) -> float:
    """Return the value of the first pattern that the module's path ends in, else of the key."""
    value, told = config.get(key), key
    table = config.get(patterns) or {}
    if not isinstance(table, Mapping):
        raise ValueError(f"{patterns} in adapter_config.json is no table")
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
        raise ValueError(f"{told} in adapter_config.json is no number")
    return float(value)
