"""The factor of an adapter's product, from `adapter_config.json`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from weightgauge.anatomy.storage import Factor
from weightgauge.errors import printable

_REGEX = frozenset("*+?()[]{}|\\$")


def factor_of(module: str, rank: int, config: Mapping[str, Any] | None) -> Factor:
    """Tell what B A is multiplied with before it is added to a weight.

    lora_alpha / r, or lora_alpha / sqrt(r) for rank-stabilised adapters.

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
        1 with a reason, where the configuration is missing or does not fit the factors.
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
    """Whether the factors are those of many matrices in a stack, such as experts, side by side.

    Their product would mix the matrices with each other.
    """
    if config is None or not config.get("target_parameters"):
        return False
    try:
        stated = _of_module(module, config, "r", "rank_pattern")
    except ValueError:
        return False
    return 0 < stated < rank and rank % stated == 0


def _of_module(module: str, config: Mapping[str, Any], key: str, patterns: str) -> float:
    """Value of a key, or of the first pattern that the module's path ends in."""
    value, told = config.get(key), key
    table = config.get(patterns) or {}
    if not isinstance(table, Mapping):
        raise ValueError(f"{patterns} in adapter_config.json is no table")
    for pattern, of_pattern in table.items():
        # Any regular expression is allowed there, also one that would take years to match.
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
