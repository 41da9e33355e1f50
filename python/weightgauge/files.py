"""Write files so that none is lost or half-written."""

from __future__ import annotations

import contextlib
import os
import tempfile
import threading

from weightgauge.errors import OutputExistsError, printable

_reading_umask = threading.Lock()


def write_atomically(path: str | os.PathLike[str], data: bytes, *, force: bool = False) -> None:
    """Write `data` to a file beside `path`, flush it to the disk, and move it into place.

    Parameters
    ----------
    path : str or path-like
        Path of the file.
    data : bytes
        The whole content.
    force : bool
        Whether to replace an existing file.

    Raises
    ------
    OutputExistsError
        If the file exists and `force` is not set.
    OSError
        If the file cannot be written, for example because the disk is full. An existing file then
        stays as it was.
    """
    target = os.fspath(path)
    if not force and os.path.lexists(target):
        raise OutputExistsError(f"{printable(target)} exists already; it is left as it is")
    directory = os.path.dirname(target) or "."
    descriptor, temporary = tempfile.mkstemp(
        prefix=f".{os.path.basename(target)[:100]}.", dir=directory
    )
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o666 & ~_umask())
        if force:
            os.replace(temporary, target)
        else:
            _move_without_replacing(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise


def _move_without_replacing(temporary: str, target: str) -> None:
    # A link fails if the target has appeared in the meantime; a rename would replace the target.
    try:
        os.link(temporary, target)
    except FileExistsError as error:
        raise OutputExistsError(
            f"{printable(target)} exists already; it is left as it is"
        ) from error
    except OSError:  # a file system without links
        os.replace(temporary, target)
    else:
        os.unlink(temporary)


def _umask() -> int:
    # The mask can only be read by setting it. Files that other threads make in this moment are
    # private. Without the lock, a thread could read the mask that another has just set here.
    with _reading_umask:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask
