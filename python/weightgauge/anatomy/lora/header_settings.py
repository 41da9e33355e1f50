"""Settings of an adapter that its file keeps in the `__metadata__` of the header.

sd-scripts writes `ss_network_alpha` and `ss_network_dim`. Others write `lora_alpha` and `r`, alone
or after the path of the part that is adapted (`transformer.lora_alpha`), each for itself or
together in a text of JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from weightgauge.checkpoint import strict_json
from weightgauge.checkpoint.strict_json import JsonFault

_SPELLINGS = {"ss_network_alpha": "lora_alpha", "ss_network_dim": "r"}
_KEYS = frozenset(("lora_alpha", "r", "use_rslora", "alpha_pattern", "rank_pattern"))
_TRUTH = {"true": True, "false": False}
_LONGEST = 1_000_000


def header_settings(metadata: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    """Return what a header says of an adapter, in the words of `adapter_config.json`.

    Parameters
    ----------
    metadata : mapping of str to str
        The ``__metadata__``.

    Returns
    -------
    dict of str to dict
        By the path of the part that is adapted; "" for the whole model. Only parts with a
        ``lora_alpha`` are there.
    """
    stated: dict[str, Any] = {}
    for key, text in metadata.items():
        within = _object(text)
        stated |= within if within is not None else {key: _value(text)}
    found: dict[str, dict[str, Any]] = {}
    for key, value in stated.items():
        part, _, name = _SPELLINGS.get(key, key).rpartition(".")
        if name in _KEYS:
            found.setdefault(part, {})[name] = value
    return {part: settings for part, settings in found.items() if "lora_alpha" in settings}


def settings_of(module: str, found: Mapping[str, dict[str, Any]]) -> tuple[str, dict[str, Any]]:
    """Return the module's path within the longest part that has settings, and these settings."""
    parts = [part for part in found if not part or module.startswith(f"{part}.")]
    if not parts:
        return module, {}
    part = max(parts, key=len)
    return module[len(part) + 1 :] if part else module, found[part]


def _object(text: str) -> dict[str, Any] | None:
    if not text.startswith("{") or len(text) > _LONGEST:
        return None
    try:
        found = strict_json.loads(text.encode("utf-8"))
    except (JsonFault, UnicodeEncodeError):
        return None
    return found if isinstance(found, dict) else None


def _value(text: str) -> Any:
    try:
        return float(text)
    except ValueError:
        return _TRUTH.get(text.lower(), text)
