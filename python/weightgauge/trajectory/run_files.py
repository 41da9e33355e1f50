"""The small files that trainers and people leave beside weights, read as far as can be."""

from __future__ import annotations

import os
import re
from typing import Any

from weightgauge.checkpoint.hub.beside import fetch_beside
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.strict_json import JsonFault, loads
from weightgauge.errors import OutputError, UnreadableFileError, WeightgaugeError

TRAINER_STATE = "trainer_state.json"
"""What the trainer of transformers leaves in each checkpoint: its step and its log so far."""

TRAINING_ARGS = "training_args.json"
"""The arguments of that trainer, where they were saved as JSON; the pickle is never opened."""

TOML = "weightgauge.toml"
"""Settings that a person writes into the folder of a run, in a table ``[training]``."""

_MAX_BYTES = 200_000_000
_NOT_A_NUMBER = re.compile(rb"([:\[,]\s*)-?(?:NaN|Infinity)(?=\s*[,\]}])")


def read_json_object(folder: str, name: str) -> dict[str, Any] | None:
    """Read a JSON file of a trainer.

    Parameters
    ----------
    folder : str
        A local directory.
    name : str
        The file in it.

    Returns
    -------
    dict or None
        None where there is no such file, or one that holds no JSON object: it may be half written.
        Losses that are NaN or infinite, which trainers write though JSON has no such numbers, are
        None.

    Raises
    ------
    UnreadableFileError
        If it is there and the system does not read it.
    OutputError
        If it is the file that a command is to write.
    """
    path = os.path.join(folder, name)
    try:
        with RegularFile(path, path) as file:
            if file.identity.size > _MAX_BYTES:
                return None
            raw = file.read(0, file.identity.size)
        found = loads(_NOT_A_NUMBER.sub(rb"\1null", raw))
    except (OutputError, UnreadableFileError):
        raise
    except (OSError, JsonFault, WeightgaugeError):
        return None
    return found if isinstance(found, dict) else None


def step_of_state(folder: str) -> int | None:
    """Read the step off the trainer's state in a folder.

    Parameters
    ----------
    folder : str
        A local directory.

    Returns
    -------
    int or None
        None where there is no such file, or it tells no step.
    """
    step = (read_json_object(folder, TRAINER_STATE) or {}).get("global_step")
    return step if isinstance(step, int) and not isinstance(step, bool) and step >= 0 else None


def folder_of_revision(hub_id: HubId) -> str | None:
    """Fetch the small files beside the weights of a revision on the Hub; no weights.

    Parameters
    ----------
    hub_id : HubId
        The model and its revision.

    Returns
    -------
    str or None
        A local directory that holds what there is; None where there is nothing.

    Raises
    ------
    ModelNotFoundError, HubError
        If the Hub has no such revision, refuses, or cannot be reached.
    """
    return fetch_beside(hub_id, (TRAINER_STATE, TRAINING_ARGS, TOML))
