"""Where headers and configurations are read from: a file, memory, or whatever comes later."""

from __future__ import annotations

from typing import Protocol

from weightgauge.checkpoint.identity import FileIdentity


class ByteSource(Protocol):
    """Bytes that can be read at any place.

    Whoever reads a header asks for nothing else, and never what kind of source it is.
    """

    @property
    def shown(self) -> str:
        """What messages call it."""

    @property
    def size(self) -> int:
        """Length in bytes."""

    @property
    def identity(self) -> FileIdentity | None:
        """Which file it must stay, where it is one."""

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`, which must lie within the size.

        Raises
        ------
        FileChangedError
            If there are fewer bytes than the size said.
        NotACheckpointError
            If they cannot be read.
        """


class MemoryBytes:
    """Bytes that are in memory already.

    Parameters
    ----------
    content : bytes-like
        All of them; they are not copied, and must not change meanwhile.
    shown : str
        What messages are to call them.
    """

    __slots__ = ("_content", "shown")

    identity = None

    def __init__(self, content: bytes | bytearray | memoryview, shown: str) -> None:
        self._content = memoryview(content).cast("B")
        self.shown = shown

    @property
    def size(self) -> int:
        """Length in bytes."""
        return len(self._content)

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`."""
        return bytes(self._content[offset : offset + length])
