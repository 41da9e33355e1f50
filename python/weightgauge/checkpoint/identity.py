"""What tells a file from every other one, and from itself after a change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from weightgauge.records import as_row


@dataclass(frozen=True, slots=True, repr=False)
class FileIdentity:
    """What the system reports about a file, all of which stays the same while it is unchanged.

    Attributes
    ----------
    device, inode : int
        Numbers of the device and of the file on it.
    size : int
        Length in bytes.
    mtime_ns, ctime_ns : int
        Times of the last change of the content and of the inode, in nanoseconds. A program can set
        the first but not the second, so a forged modification time does not hide a change.
    """

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show where the file lies and its length."""
        return f"<FileIdentity: device {self.device}, inode {self.inode}, {self.size:,} bytes>"
