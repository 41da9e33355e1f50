"""Opening of files so that no path can block the program or give it unexpected data.

A path may name a pipe that never answers, a device that never ends, or a file that another program
is still writing. Only ordinary files are opened, without blocking, and all reading is at explicit
positions from one descriptor.
"""

from __future__ import annotations

import errno
import os
import stat
from types import TracebackType

from weightgauge.checkpoint.identity import FileIdentity
from weightgauge.choices import nearest
from weightgauge.errors import (
    FileChangedError,
    NotACheckpointError,
    OutputError,
    UnreadableFileError,
    printable,
)
from weightgauge.readings import opened
from weightgauge.system import READ, file_numbers, read_at

_NOTHING_THERE = (errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG)
_KINDS = (
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a pipe (FIFO)"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
    (stat.S_ISSOCK, "a socket"),
)


class RegularFile:
    """An ordinary file, open for reading: a `ByteSource`.

    Parameters
    ----------
    path : str
        The file; links are followed.
    shown : str
        The path as messages should name it.

    Attributes
    ----------
    path : str
        The resolved path that was opened.
    shown : str
        As given.
    identity : FileIdentity
        From the open descriptor.

    Raises
    ------
    NotACheckpointError
        If the path is not an ordinary file.
    UnreadableFileError
        If the system does not open it.
    FileNotFoundError
        If nothing is there.
    OutputError
        If it is the file that a command is to write.
    """

    __slots__ = ("_descriptor", "identity", "path", "shown")

    def __init__(self, path: str, shown: str) -> None:
        self.shown = shown
        self._descriptor = -1
        try:
            _check_kind(os.stat(path), shown)
            self.path = os.path.realpath(path, strict=True)
            # A pipe put in the file's place just now does not block this.
            self._descriptor = os.open(self.path, READ)
            status = os.fstat(self._descriptor)
            _check_kind(status, shown)
            opened(status, shown)
        except (FileNotFoundError, OutputError):
            self.close()
            raise
        except OSError as error:
            self.close()
            raise UnreadableFileError(f"cannot be opened: {error.strerror}", path=shown) from error
        except BaseException:
            self.close()
            raise
        device, inode, ctime_ns = file_numbers(status)
        self.identity = FileIdentity(
            device=device,
            inode=inode,
            size=status.st_size,
            mtime_ns=status.st_mtime_ns,
            ctime_ns=ctime_ns,
        )

    @property
    def size(self) -> int:
        """Length in bytes."""
        return self.identity.size

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`, which must lie within the file's size.

        Raises
        ------
        FileChangedError
            If the file ends earlier than its size said.
        UnreadableFileError
            If the system cannot read it.
        """
        parts: list[bytes] = []
        while length > 0:
            try:
                part = read_at(self._descriptor, length, offset)
            except OSError as error:
                raise UnreadableFileError(
                    f"cannot be read: {error.strerror}", path=self.shown, offset=offset
                ) from error
            if not part:
                raise FileChangedError(
                    f"{printable(self.shown, limit=1000)}: ends at byte {offset}, before its size "
                    f"of {self.identity.size} bytes: it shrank while it was read"
                )
            parts.append(part)
            offset += len(part)
            length -= len(part)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    def close(self) -> None:
        """Close the descriptor; doing so twice is harmless."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)

    def __enter__(self) -> RegularFile:
        """Return the file itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close the file."""
        self.close()


def lies_at(path: str, *, followed: bool = False) -> bool:
    """Whether there is anything at a path.

    Parameters
    ----------
    path : str
        The path.
    followed : bool
        Whether a link is taken for what it leads to; if not, one that leads nowhere is something.

    Raises
    ------
    UnreadableFileError
        If the system does not tell, for example because of a fault of the disk.
    """
    try:
        os.stat(path) if followed else os.lstat(path)
    except ValueError:  # a NUL character
        return False
    except OSError as error:
        if error.errno in _NOTHING_THERE:
            return False
        raise UnreadableFileError(f"cannot be opened: {error.strerror}", path=path) from error
    return True


def is_directory(path: str) -> bool:
    """Whether a path leads to a directory; `os.path.isdir` says no where the system does not tell.

    Raises
    ------
    UnreadableFileError
        If the system does not tell, for example because of a fault of the disk.
    """
    try:
        return stat.S_ISDIR(os.stat(path).st_mode)
    except ValueError:  # a NUL character
        return False
    except OSError as error:
        if error.errno in (*_NOTHING_THERE, errno.EACCES, errno.ELOOP):
            return False
        raise UnreadableFileError(f"cannot be opened: {error.strerror}", path=path) from error


def nearest_path(path: str) -> str | None:
    """Return the path whose last part somebody may have meant to type, or None.

    Parameters
    ----------
    path : str
        One where nothing is.
    """
    folder, name = os.path.split(path.rstrip("/"))
    try:
        near = nearest(name, names_in(folder or os.curdir))
    except (UnreadableFileError, ValueError):  # a NUL character
        return None
    return None if near is None else os.path.join(folder, near)


def names_in(directory: str) -> list[str]:
    """Return the names in a directory; none where there is no directory, or none that may be read.

    Raises
    ------
    UnreadableFileError
        If the system does not tell, for example because of a fault of the disk.
    """
    try:
        return os.listdir(directory)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return []
    except OSError as error:
        raise UnreadableFileError(f"cannot be listed: {error.strerror}", path=directory) from error


def _check_kind(status: os.stat_result, shown: str) -> None:
    if stat.S_ISREG(status.st_mode):
        if status.st_dev == _proc_device():
            raise NotACheckpointError("is a file of /proc, not one on a disk", path=shown)
        return
    for is_kind, kind in _KINDS:
        if is_kind(status.st_mode):
            raise NotACheckpointError(f"is {kind}, not an ordinary file", path=shown)
    raise NotACheckpointError("is not an ordinary file", path=shown)


def _proc_device() -> int | None:
    # Files of /proc call themselves regular, and reading some of them blocks or never ends.
    try:
        return os.stat("/proc").st_dev if os.path.ismount("/proc") else None
    except OSError:
        return None
