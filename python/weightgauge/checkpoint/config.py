"""Reading of `config.json` and `adapter_config.json`, which lie beside the weights."""

from __future__ import annotations

from typing import Any

from weightgauge.checkpoint import strict_json
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.strict_json import JsonFault
from weightgauge.errors import ConfigError

CONFIG_NAME = "config.json"
ADAPTER_CONFIG_NAME = "adapter_config.json"
_MAX_BYTES = 10_000_000


def read_config(path: str, *, shown: str) -> dict[str, Any]:
    """Read a `config.json`, or an `adapter_config.json`.

    Parameters
    ----------
    path : str
        The file.
    shown : str
        Its path as messages should give it.

    Returns
    -------
    dict
        The top-level object.

    Raises
    ------
    ConfigError
        If it is not strict JSON, not an object, or longer than 10 MB.
    NotACheckpointError
        If the path is no ordinary file.
    FileNotFoundError
        If nothing is there.
    """
    with RegularFile(path, shown) as file:
        if file.identity.size > _MAX_BYTES:
            raise ConfigError(
                f"is {file.identity.size} bytes long, above the limit of {_MAX_BYTES}", path=shown
            )
        raw = file.read(0, file.identity.size)
    try:
        config = strict_json.loads(raw)
    except JsonFault as fault:
        raise ConfigError(fault.problem, path=shown, offset=fault.offset) from None
    if not isinstance(config, dict):
        raise ConfigError("does not hold a JSON object", path=shown)
    return config
