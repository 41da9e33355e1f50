"""`open_checkpoint`: open a checkpoint wherever it lies."""

from __future__ import annotations

import os

from weightgauge.checkpoint.hub.hub_id import parse_hub_id
from weightgauge.checkpoint.local import open_local
from weightgauge.checkpoint.regular_file import lies_at, nearest_path
from weightgauge.checkpoint.types import Checkpoint
from weightgauge.errors import PATH_LIMIT, HubUnreachableError, ModelNotFoundError, printable


def open_checkpoint(model: str | os.PathLike[str], *, revision: str | None = None) -> Checkpoint:
    """Read the headers of a checkpoint, here or on the Hub; no weight is read.

    Parameters
    ----------
    model : str or os.PathLike
        A safetensors file, an index, a directory, or a model on the Hub as
        ``org/name[@revision]``, ``hf://org/name[@revision]`` or the address of its page. After the
        name of a model a folder or a file of it may follow (``org/name/unet``). A name that exists
        here as a path is taken as a path.
    revision : str, optional
        Branch, tag or commit on the Hub.

    Returns
    -------
    Checkpoint

    Raises
    ------
    CheckpointError
        If the files are invalid, or have a format that is not read.
    ModelNotFoundError
        If there is neither such a path nor such a model.
    HubError
        If the Hub cannot be reached, or refuses access.
    ValueError
        If a revision is given for a local path, or two different revisions are given.
    """
    asked = os.fsdecode(os.fspath(model))
    if lies_at(asked):
        if revision is not None:
            raise ValueError(
                f"revision={revision!r} is for models on the Hub, and "
                f"{printable(asked, limit=1000)} is a local path"
            )
        return open_local(asked)
    hub_id = None if isinstance(model, os.PathLike) else parse_hub_id(asked, revision=revision)
    if hub_id is None:
        raise no_such_path(asked, hint="A model on the Hub is written org/name, or hf://org/name.")
    from weightgauge.checkpoint.hub.opening import open_on_hub

    try:
        return open_on_hub(hub_id, model=asked)
    except (ModelNotFoundError, HubUnreachableError) as error:
        if not (meant := _meant(asked)):
            raise
        raise type(error)(error.problem, hint=f"{meant} {error.hint}".rstrip()) from error


def no_such_path(asked: str, *, hint: str) -> ModelNotFoundError:
    """Return the error for a path where nothing is, with the nearest one that is there.

    Parameters
    ----------
    asked : str
        The path.
    hint : str
        What else could have been meant, as a sentence.
    """
    problem = f"there is no file or directory '{printable(asked, limit=PATH_LIMIT)}'"
    return ModelNotFoundError(problem, hint=f"{_meant(asked)} {hint}".lstrip())


def _meant(asked: str) -> str:
    near = nearest_path(asked)
    return "" if near is None else f"Did you mean '{printable(near, limit=PATH_LIMIT)}'?"
