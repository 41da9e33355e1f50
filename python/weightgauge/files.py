"""Write files so that none is lost or half-written, and what is replaced keeps its rights."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from weightgauge.errors import PATH_LIMIT, OutputError, OutputExistsError, printable
from weightgauge.system import CLOSED_TO_MOVE, CREATE, READ, give_rights, lock, sync_directory

_DRAFT = ".weightgauge-draft"
"""How the names of files end that are still written; the next run removes what a kill left."""

_MOST_LINKS = 40
"""As many as Linux follows."""


def write_atomically(
    path: str | os.PathLike[str], data: bytes | Iterable[bytes], *, force: bool = False
) -> None:
    """Write `data` to a file beside `path`, flush it to the disk, and move it into place.

    A file that is replaced keeps its mode, its owner and its access list. Where the path is a
    symbolic link, the file it leads to is written and the link stays. Another hard link to that
    file keeps the earlier content.

    Parameters
    ----------
    path : str or path-like
        Path of the file.
    data : bytes or iterable of bytes
        The whole content, or its pieces. If making one of them fails, nothing is written.
    force : bool
        Whether to replace an existing file.

    Raises
    ------
    OutputExistsError
        If the file exists and `force` is not set.
    OutputError
        If what exists is no regular file.
    OSError
        If the file cannot be written, for example because the disk is full, or because its owner
        cannot be kept. An existing file then stays as it was.
    """
    target, old = _target(path, force=force)
    directory = os.path.dirname(target) or "."
    _remove_abandoned(directory)
    with _draft(directory, old, target) as draft:
        for piece in (data,) if isinstance(data, bytes | bytearray | memoryview) else data:
            rest = memoryview(piece)
            while rest:
                rest = rest[os.write(draft.descriptor, rest) :]
        os.fsync(draft.descriptor)
        draft.end_writing()
        if force:
            os.replace(draft.name, target)
        else:
            _move_without_replacing(draft.name, target)
    sync_directory(directory)


def try_to_write(path: str | os.PathLike[str], *, force: bool = False) -> str | None:
    """Find out whether `write_atomically` can write a file, as far as that is known before.

    A file is made beside the path, given the rights that it would have, and removed.

    Returns
    -------
    str or None
        The file that would be replaced, with links followed; None where there is none.

    Raises
    ------
    OutputExistsError, OutputError, OSError
        See `write_atomically`.
    """
    target, old = _target(path, force=force)
    with _draft(os.path.dirname(target) or ".", old, target):
        return None if old is None else target


def _target(path: str | os.PathLike[str], *, force: bool) -> tuple[str, os.stat_result | None]:
    """Return where to write, with links followed, and what is there."""
    given = os.fsdecode(path)
    shown = printable(given, limit=PATH_LIMIT)
    target = _end_of_links(given)
    try:
        os.lstat(given)
    except FileNotFoundError:
        return target, None
    try:
        old = os.stat(given)
    except FileNotFoundError:  # a link that leads nowhere yet
        old = None
    if old is not None and not stat.S_ISREG(old.st_mode):
        raise OutputError(f"{shown}: is not a regular file, so it is not replaced")
    if not force:
        raise OutputExistsError(f"{shown} exists already; it is left as it is")
    return target, old


def _end_of_links(path: str) -> str:
    """Follow a link, and the link that it leads to, to what is none or is not there yet.

    `os.path.realpath` would take a link that the system cannot read for an ordinary file, and the
    link itself would be replaced.
    """
    for _ in range(_MOST_LINKS):
        try:
            path = os.path.join(os.path.dirname(path), os.readlink(path))
        except OSError as error:
            if error.errno in (errno.EINVAL, errno.ENOENT):
                return path
            raise
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)


class _Draft:
    """A file that is written. Its lock tells other runs that it is no leftover."""

    def __init__(self) -> None:
        self.name, self.descriptor = "", -1

    def begin(self, name: str, mode: int) -> bool:
        """Make the file; return whether it is still there once it is locked."""
        self.name = name
        self.descriptor = os.open(name, CREATE, mode)
        with contextlib.suppress(OSError):  # a file system without locks
            lock(self.descriptor, wait=True)
        if os.fstat(self.descriptor).st_nlink == 0:  # taken for a leftover before it was locked
            self.close()
            return False
        return True

    def end_writing(self) -> None:
        """Close the file where it could not be moved otherwise."""
        if CLOSED_TO_MOVE:
            self.close()

    def close(self) -> None:
        """Close the file; doing so twice is harmless."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


@contextmanager
def _draft(directory: str, old: os.stat_result | None, target: str) -> Iterator[_Draft]:
    """Make a file with the rights of the one that it will replace; remove it where it remains.

    A new file gets its mode from the system, which takes the process's mask into account.
    """
    draft = _Draft()
    try:
        begun = False
        while not begun:
            name = os.path.join(directory, f".{os.urandom(8).hex()}{_DRAFT}")
            begun = draft.begin(name, 0o666 if old is None else 0o600)
        if old is not None:
            give_rights(draft.descriptor, old, target)
        yield draft
    finally:
        draft.end_writing()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(draft.name)
        draft.close()


def _remove_abandoned(directory: str) -> None:
    """Remove what killed runs have left. What is still written is locked by whoever writes it."""
    try:
        names = [name for name in os.listdir(directory) if name.endswith(_DRAFT)]
    except OSError:  # a directory that may be written to and not be listed
        return
    for name in names:
        path = os.path.join(directory, name)
        with contextlib.suppress(OSError):
            if CLOSED_TO_MOVE:  # whoever still writes it has it open
                os.unlink(path)
                continue
            descriptor = os.open(path, READ)
            try:
                lock(descriptor, wait=False)
                os.unlink(path)
            finally:
                os.close(descriptor)


def _move_without_replacing(name: str, target: str) -> None:
    # A link fails if the target has appeared in the meantime; a rename would replace the target.
    try:
        os.link(name, target)
    except FileExistsError as error:
        raise OutputExistsError(
            f"{printable(target)} exists already; it is left as it is"
        ) from error
    except OSError:  # a file system without links
        if os.path.lexists(target):
            raise OutputExistsError(
                f"{printable(target)} exists already; it is left as it is"
            ) from None
        os.replace(name, target)
