"""Reading of the configurations that lie beside the weights, such as `config.json`."""

from __future__ import annotations

from typing import Any

from weightgauge.checkpoint import strict_json
from weightgauge.checkpoint.byte_source import ByteSource
from weightgauge.checkpoint.strict_json import JsonFault
from weightgauge.errors import ConfigError

CONFIG_NAME = "config.json"
ADAPTER_CONFIG_NAME = "adapter_config.json"
QUANTISER_CONFIG_NAMES = ("quantize_config.json", "quant_config.json", "quantization_config.json")
"""Where AutoGPTQ and GPTQModel, AutoAWQ, and AutoRound keep their settings, beside `config.json` or
in its place."""
_MAX_BYTES = 10_000_000


def read_config(source: ByteSource) -> dict[str, Any]:
    """Read a `config.json`, or another configuration.

    Parameters
    ----------
    source : ByteSource
        Its text.

    Returns
    -------
    dict
        The top-level object.

    Raises
    ------
    ConfigError
        If it is not strict JSON, not an object, or longer than 10 MB.
    FileChangedError, NotACheckpointError
        If it cannot be read.
    """
    if source.size > _MAX_BYTES:
        raise ConfigError(
            f"is {source.size} bytes long, above the limit of {_MAX_BYTES}", path=source.shown
        )
    raw = source.read(0, source.size)
    try:
        config = strict_json.loads(raw)
    except JsonFault as fault:
        raise ConfigError(fault.problem, path=source.shown, offset=fault.offset) from None
    if not isinstance(config, dict):
        raise ConfigError("does not hold a JSON object", path=source.shown)
    return config
