"""What is opened for reading while a command has a file to write, so that neither is the other.

A file has many names: links, hard links, other spellings. Device and number tell it under all of
them, once it is open. Whoever opens a file for reading therefore says so here.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Set
from contextlib import contextmanager, suppress

from weightgauge.errors import PATH_LIMIT, OutputError, printable

FileNumber = tuple[int, int]
"""Device and number of a file."""


class _Watch:
    """A path that will be written, and the files that were opened since that is known."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.opened: set[FileNumber] = set()
        self.there: FileNumber | None = None
        with suppress(OSError):
            self.there = _number(os.stat(path))

    def refuse(self, shown: str) -> OutputError:
        """Return the error for a path that is read under the name that is given."""
        return OutputError(
            f"{printable(self.path, limit=PATH_LIMIT)}: the command reads this file"
            f"{'' if shown == self.path else f' (as {printable(shown, limit=PATH_LIMIT)})'}, "
            "and what is read is never replaced"
        )


_watches: list[_Watch] = []
_notes: list[set[FileNumber]] = []


@contextmanager
def noted() -> Iterator[set[FileNumber]]:
    """Collect the numbers of all files that are opened for reading while the context lasts."""
    found: set[FileNumber] = set()
    _notes.append(found)
    try:
        yield found
    finally:
        _notes[:] = [each for each in _notes if each is not found]


def refuse_files(path: str | os.PathLike[str], read: Set[FileNumber]) -> None:
    """Raise OutputError if a path that is to be written is one of the files that were read."""
    try:
        number = _number(os.stat(path))
    except OSError:
        return
    if number in read:
        raise OutputError(
            f"{printable(os.fsdecode(path), limit=PATH_LIMIT)}: what is to be saved was read from "
            "this file, and what is read is never replaced"
        )


@contextmanager
def kept_apart(path: str) -> Iterator[None]:
    """Let nothing be read from a file that is to be written, for as long as the context lasts."""
    watch = _Watch(path)
    _watches.append(watch)
    try:
        yield
    finally:
        _watches.remove(watch)


def opened(status: os.stat_result, shown: str) -> None:
    """Say that a file has been opened for reading.

    Parameters
    ----------
    status : os.stat_result
        Of the open file.
    shown : str
        The path under which it was opened.

    Raises
    ------
    OutputError
        If it is the one that is to be written.
    """
    for note in tuple(_notes):
        note.add(_number(status))
    for watch in tuple(_watches):
        watch.opened.add(_number(status))
        if watch.there == _number(status):
            raise watch.refuse(shown)


def refuse_what_was_read(path: str) -> None:
    """Raise OutputError if a path, which may have come to be meanwhile, is a file that was read."""
    try:
        number = _number(os.stat(path))
    except (FileNotFoundError, NotADirectoryError):
        return
    for watch in tuple(_watches):
        if number in watch.opened:
            raise watch.refuse(watch.path)


def _number(status: os.stat_result) -> FileNumber:
    return status.st_dev, status.st_ino
