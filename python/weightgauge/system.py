"""What operating systems do in different ways, and Python leaves different.

POSIX and Windows differ in how files are opened, locked and given rights. Everything here does on
Windows what comes nearest. Windows itself keeps a file that is open from being removed or replaced;
so a lock is not needed there, and a file must be closed before it is moved.
"""

from __future__ import annotations

import os
import signal
import stat
import sys
import threading

__all__ = [
    "CLOSED_TO_MOVE",
    "CREATE",
    "READ",
    "before_forks",
    "ending_signals",
    "file_numbers",
    "give_rights",
    "lock",
    "read_at",
    "sync_directory",
]

if sys.platform == "win32":
    READ = os.O_RDONLY | os.O_BINARY | os.O_NOINHERIT
    CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_BINARY | os.O_NOINHERIT
    CLOSED_TO_MOVE = True

    _one_reader = threading.Lock()

    def read_at(descriptor: int, length: int, offset: int) -> bytes:
        """Read up to `length` bytes at a place, without a place that threads would share."""
        with _one_reader:
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, length)

    def lock(descriptor: int, *, wait: bool) -> None:
        """Do nothing: an open file cannot be removed anyway."""
        del descriptor, wait

    def give_rights(descriptor: int, old: os.stat_result, target: str) -> None:
        """Do nothing: rights come from the directory."""
        del descriptor, old, target

    def sync_directory(directory: str) -> None:
        """Do nothing: a rename is noted in the journal of the file system."""
        del directory

    def before_forks(act: object) -> None:
        """Do nothing: processes are not forked."""
        del act

    def ending_signals() -> tuple[signal.Signals, ...]:
        """Return the signals that ask a program to end."""
        return signal.SIGTERM, signal.SIGBREAK

    def file_numbers(status: os.stat_result) -> tuple[int, int, int]:
        """Return device, number and time of the last change of a file, as the core knows them.

        The system's own number of a volume has 32 bits and that of a file 64. The third is the
        time of its making, which says nothing of changes.
        """
        return status.st_dev & 0xFFFF_FFFF, status.st_ino & 0xFFFF_FFFF_FFFF_FFFF, 0

else:
    import errno
    import fcntl
    from collections.abc import Callable

    READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    """Without waiting for whoever writes to a pipe, and of a link never what it leads to."""

    CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
    CLOSED_TO_MOVE = False
    """Whether a file must be closed before it is moved or removed."""

    _CANNOT_SYNC = (errno.EINVAL, errno.EBADF, errno.ENOTSUP)
    """What file systems say that flush no directories."""

    _ACCESS_LIST = "system.posix_acl_access"

    def read_at(descriptor: int, length: int, offset: int) -> bytes:
        """Read up to `length` bytes at a place, without a place that threads would share."""
        return os.pread(descriptor, length, offset)

    def lock(descriptor: int, *, wait: bool) -> None:
        """Lock a file for this process alone; OSError if another has it, or there are no locks."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))

    def give_rights(descriptor: int, old: os.stat_result, target: str) -> None:
        """Give a file the owner, the access list and the mode of another one."""
        status = os.fstat(descriptor)
        if (status.st_uid, status.st_gid) != (old.st_uid, old.st_gid):
            try:
                os.fchown(descriptor, old.st_uid, old.st_gid)
            except PermissionError as error:
                what = f"belongs to {old.st_uid}:{old.st_gid}, and only root could keep that"
                raise OSError(error.errno, what) from error
        if sys.platform == "linux":
            try:
                access_list = os.getxattr(target, _ACCESS_LIST)
            except OSError:  # there is none
                access_list = None
            if access_list is not None:
                os.setxattr(descriptor, _ACCESS_LIST, access_list)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))

    def sync_directory(directory: str) -> None:
        """Flush a directory to the disk: without that a crash could undo a rename."""
        try:
            descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except PermissionError:  # it may be written to and not be read
            return
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _CANNOT_SYNC:
                raise
        finally:
            os.close(descriptor)

    def before_forks(act: Callable[[], None]) -> None:
        """Have this done before each fork of this process."""
        os.register_at_fork(before=act)

    def ending_signals() -> tuple[signal.Signals, ...]:
        """Return the signals that ask a program to end."""
        return signal.SIGTERM, signal.SIGHUP

    def file_numbers(status: os.stat_result) -> tuple[int, int, int]:
        """Return device, number and time of the last change of a file, as the core knows them."""
        return status.st_dev, status.st_ino, status.st_ctime_ns
