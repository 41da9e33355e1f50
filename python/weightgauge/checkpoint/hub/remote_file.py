"""Files of weights on the Hub: their headers are asked for by range, the weights when needed."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.checkpoint.hub.allowance import small_files, weights
from weightgauge.checkpoint.hub.checks import LIBRARY, endpoint
from weightgauge.checkpoint.hub.client import bars_only_on_a_terminal
from weightgauge.checkpoint.hub.hub_errors import translated
from weightgauge.checkpoint.hub.hub_id import HubId
from weightgauge.checkpoint.hub.watched import side_by_side, watched
from weightgauge.checkpoint.regular_file import RegularFile
from weightgauge.checkpoint.types import ShardFile
from weightgauge.errors import FileChangedError, HubAnswerError, printable
from weightgauge.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weightgauge import _core

_FIRST_BYTES = 100_000
"""Nearly all headers are shorter, so that one request is enough."""

_MOST_PIECES = 2000
"""To ask for more pieces takes about as long as to fetch a file that has as many tensors."""
_AT_ONCE = 8
"""Pieces that are asked for at the same time."""

_RANGE = re.compile(r"bytes (?:[0-9]+-[0-9]+|\*)/([0-9]+)")


class HubFile:
    """A file on the Hub as a `ByteSource`; only what is read is fetched.

    Parameters
    ----------
    hub_id : HubId
        The model.
    commit : str
        The commit, so that nothing changes between two requests.
    name : str
        Name of the file in the model.

    Attributes
    ----------
    shown : str
        What messages call it.
    size : int
        Length in bytes.

    Raises
    ------
    HubError, ModelNotFoundError
        If the first bytes cannot be fetched.
    """

    identity = None

    def __init__(self, hub_id: HubId, commit: str, name: str) -> None:
        self._hub_id = hub_id
        self._commit = commit
        self._name = name
        self.shown = printable(f"{hub_id.repository}/{name}", limit=1000)
        self._head, self.size = self._fetch(0, _FIRST_BYTES)

    def read(self, offset: int, length: int) -> bytes:
        """Return exactly `length` bytes from `offset`, which must lie within the size.

        Raises
        ------
        HubError
            If they cannot be fetched.
        """
        end = offset + length
        if offset <= len(self._head) < end:
            self._head += self._fetch(len(self._head), end - len(self._head))[0]
        return self.piece(offset, length)

    def piece(self, offset: int, length: int) -> bytes:
        """As `read`, for several threads at once: what was fetched is not kept."""
        end = offset + length
        return self._head[offset:end] if end <= len(self._head) else self._fetch(offset, length)[0]

    def shard(self, name: str) -> ShardFile:
        """Return the file as a shard of a checkpoint, under its name there."""
        return HubShard(
            name=name, size=self.size, hub_id=self._hub_id, commit=self._commit, file=self._name
        )

    def _fetch(self, offset: int, length: int) -> tuple[bytes, int]:
        """Return bytes, fewer than asked for only at the end of the file, and the file's length."""
        if length == 0:
            return b"", self.size
        with translated(self._hub_id):
            response = watched(small_files(), self.shown, lambda: self._answer(offset, length))
        content: bytes = response.content
        if response.status_code == 200:  # a server that knows no ranges sends all
            told = response.headers.get("Content-Length")
            if told is None and len(content) >= offset + length:
                raise self._fault("does not say how long the file is")
            size, found = int(told or len(content)), content[offset:]
        else:
            total = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
            if total is None:
                raise self._fault("does not say how long the file is")
            size, found = int(total[1]), b"" if response.status_code == 416 else content
        expected = max(0, min(length, size - offset))
        if len(found) != expected:
            raise self._fault(f"sent {counted(len(found), 'byte')} in the place of {expected:,}")
        return found, size

    def _fault(self, what: str) -> HubAnswerError:
        return HubAnswerError(
            f"{self.shown}: {endpoint()} {what}",
            hint="Try again later, or check HF_ENDPOINT and the proxy settings.",
        )

    def _answer(self, offset: int, length: int) -> Any:
        import huggingface_hub.utils
        from huggingface_hub import hf_hub_url
        from huggingface_hub.constants import HF_HUB_DOWNLOAD_TIMEOUT

        client: Any = huggingface_hub.utils  # whose public names are not declared as such
        url = hf_hub_url(self._hub_id.repository, self._name, revision=self._commit)
        headers = client.build_hf_headers(library_name=LIBRARY)
        # Compressed, the bytes would be others than those of the range.
        headers |= {"Range": f"bytes={offset}-{offset + length - 1}", "Accept-Encoding": "identity"}
        response = client.get_session().get(url, headers=headers, timeout=HF_HUB_DOWNLOAD_TIMEOUT)
        if response.status_code != 416:  # an empty file has no first bytes
            client.hf_raise_for_status(response)
        return response


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HubShard(ShardFile):
    """A file on the Hub that is fetched into the client's cache when its weights are needed.

    Attributes
    ----------
    hub_id : HubId
        The model.
    commit : str
        The commit.
    file : str
        Its name in the model, folders included.
    """

    hub_id: HubId
    commit: str
    file: str

    def source(self, *, as_it_lies: bool) -> _core.SourceSpec:
        """Fetch the file if it has not been, and return where the bytes are."""
        self._fetch()
        return ShardFile.source(self, as_it_lies=as_it_lies)

    @property
    def readable(self) -> bool:
        """Whether `read_all` can read it."""
        return True

    def read_all(self, ranges: Sequence[tuple[int, int]]) -> list[bytes]:
        """Return pieces of the file, which is fetched for them if they are many or long."""
        few = len(ranges) <= _MOST_PIECES and sum(length for _, length in ranges) <= _FIRST_BYTES
        if self.path is not None or not few:
            self._fetch()
            return ShardFile.read_all(self, ranges)
        file = HubFile(self.hub_id, self.commit, self.file)
        if file.size != self.size:
            raise FileChangedError(f"{printable(self.name)}: changed since it was opened")
        return side_by_side(ranges, lambda each: file.piece(*each), threads=_AT_ONCE)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return ShardFile.to_dict(self)

    def _fetch(self) -> None:
        if self.path is not None:
            return
        from huggingface_hub import hf_hub_download

        with bars_only_on_a_terminal(), translated(self.hub_id):
            path = watched(
                weights(self.size),
                printable(self.file),
                lambda: hf_hub_download(
                    self.hub_id.repository, self.file, revision=self.commit, library_name=LIBRARY
                ),
            )
        with RegularFile(path, path) as file:
            if file.size != self.size:
                raise FileChangedError(
                    f"{printable(self.name)}: has {file.size:,} bytes in the cache, and "
                    f"{self.size:,} on the Hub"
                )
            # Frozen for everybody else: where the file lies is known from now on.
            object.__setattr__(self, "path", file.path)
            object.__setattr__(self, "identity", file.identity)
