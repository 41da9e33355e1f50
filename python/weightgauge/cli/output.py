"""Write results to stdout, or to a file that is written whole or not at all."""

from __future__ import annotations

import gzip
import os
import shutil
import sys
from codecs import getincrementalencoder, lookup
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from weightgauge.errors import (
    PATH_LIMIT,
    MissingExtraError,
    OutputError,
    OutputExistsError,
    harmless,
    printable,
)
from weightgauge.reporting.terminal_text import PLAIN_SPELLING
from weightgauge.reporting.writers.formats import (
    COMPRESSED,
    DEFAULT,
    FORMATS,
    format_by_suffix,
    suffixes,
)

if TYPE_CHECKING:
    from weightgauge.reporting.document import Document
    from weightgauge.reporting.writers.medium import Medium

_CHARACTERS_AT_ONCE = 1 << 20
_NEVER_REPLACED = (
    *(".safetensors", ".index.json"),
    *("config.json", "trainer_state.json", "training_args.json", "weightgauge.toml"),
)
"""How the names of files end that make up checkpoints and runs; results have others."""


@dataclass(frozen=True, slots=True)
class Output:
    """Form and place of a command's result.

    Attributes
    ----------
    format : str
        A name in `weightgauge.reporting.writers.FORMATS`.
    path : str or None
        The file to write; None for stdout.
    force : bool
        Whether an existing file may be replaced.
    quiet : bool
        Whether everything but the result is left out.
    verbose : bool
        Whether lists of findings and of rows are shown in full.
    wide : bool
        Whether tables may be wider than the terminal.
    """

    format: str
    path: str | None
    force: bool
    quiet: bool
    verbose: bool = False
    wide: bool = False

    @contextmanager
    def kept(self, *, readable: bool = True) -> Iterator[None]:
        """Check before the work that the result can be written after it; keep it out of the input.

        While the context lasts, no file can be opened for reading that the result would replace.

        Parameters
        ----------
        readable : bool
            Whether people can read the result on a terminal, if its form is one of text.

        Raises
        ------
        OutputExistsError
            The file exists and may not be replaced.
        OutputError
            The place cannot hold a result, or holds weights; or it is a terminal, and nobody could
            read the result there.
        """
        package = FORMATS[self.format].package
        if package and find_spec(package) is None:
            raise MissingExtraError(package, self.format)
        if self.path is None:
            self._check_stream(readable and not FORMATS[self.format].binary)
            yield
            return
        from weightgauge.readings import kept_apart

        self._check(self.path)
        with kept_apart(self.path):
            yield

    def _check_stream(self, readable: bool) -> None:
        if not readable and _is_terminal(sys.stdout):
            what = f"{self.format} is not for a terminal"
            raise OutputError(f"{what}: name a file by -o, or send it to a pipe")

    def _check(self, path: str) -> None:
        from weightgauge.files import try_to_write

        shown = printable(path, limit=PATH_LIMIT)
        with _told(path):
            try:
                replaced = try_to_write(path, force=self.force)
            except (FileNotFoundError, NotADirectoryError) as error:
                what = f"{shown}: there is no such directory to write to"
                raise OutputError(what) from error
        if replaced is not None and replaced.endswith(_NEVER_REPLACED):
            what = "its name is one of weights or settings of a model, which are never replaced"
            raise OutputError(f"{shown}: {what}")

    def medium(self) -> Medium:
        """Return what a writer has to know about the place of the result."""
        from weightgauge.reporting.writers.medium import Medium

        terminal = self.path is None and _is_terminal(sys.stdout)
        columns = os.environ.get("COLUMNS", "")
        width = int(columns) if columns.isdecimal() and 0 < len(columns) < 6 else None
        if terminal:
            width = shutil.get_terminal_size().columns
        return Medium(
            width=None if self.wide else width or None,
            colour=terminal and colour_allowed(),
            notes=not self.quiet,
            everything=self.verbose,
            plain=self.path is None and not _writes_all(sys.stdout),
        )

    def rows(self, asked: int | None, usual: int) -> int | None:
        """Return how many rows a table shows that is cut short; None for all.

        Parameters
        ----------
        asked : int or None
            What --top says.
        usual : int
            How many there are if nothing is said.
        """
        return asked or (None if self.verbose else usual)

    def write(self, document: Document, *, shaping: Mapping[str, object] | None = None) -> None:
        """Write the whole result, then the warnings about the input on stderr.

        Where the result is not for people, faults and warnings about the weights go there too.

        Parameters
        ----------
        document : Document
            The result.
        shaping : mapping of str to object, optional
            Options that shape what people read, with what they say. Those that were given are told
            of where the form is for programs, which they leave as it is.

        Raises
        ------
        OutputExistsError, OutputError
            See `kept`; or the disk is full. What was there before is as it was.
        """
        from weightgauge.findings import grouped

        self.write_alone(document)
        if not self.quiet:
            in_result = self.format in (DEFAULT, "github")
            aside = document.aside if in_result else (*(document.findings or ()), *document.aside)
            for group in grouped(aside):
                if group.level != "note":
                    click.echo(harmless(f"{group.level}: {group.message}"), err=True)
            for message in (*document.warnings, *self._unused(shaping or {})):
                click.echo(harmless(f"warning: {message}"), err=True)

    def write_alone(self, document: Document) -> None:
        """Write the whole result, and nothing on stderr; raises what `write` does."""
        self.put(FORMATS[self.format].pieces(document, self.medium()))

    def _unused(self, shaping: Mapping[str, object]) -> Iterator[str]:
        given = [name for name, value in shaping.items() if value]
        if given and not FORMATS[self.format].page:
            what = " and ".join(given)
            yield f"{what} changed nothing: {self.format} has every row, for programs"

    def put(self, content: str | Iterable[str] | bytes) -> None:
        """Write what was made, as it is: bytes, or a text, which may come in pieces.

        Raises
        ------
        OutputExistsError, OutputError
            See `kept`; or the disk is full.
        """
        if isinstance(content, str):
            content = (content,) if content else ()
        if self.path is not None:
            self._write_file(content)
            return
        _write_stdout(content)

    def _write_file(self, content: Iterable[str] | bytes) -> None:
        from weightgauge.files import write_atomically

        data: bytes | Iterable[bytes] = (
            content
            if isinstance(content, bytes)
            else (piece.encode("utf-8", "backslashreplace") for piece in content)
        )
        if self.path is not None and self.path.lower().endswith(COMPRESSED):
            whole = data if isinstance(data, bytes) else b"".join(data)
            data = gzip.compress(whole, mtime=0)  # the same bytes for the same result
        self.save(lambda target: write_atomically(target, data, force=self.force))

    def save(self, writer: Callable[[str], None]) -> None:
        """Let a function write the file.

        Parameters
        ----------
        writer : callable
            Gets the path to write to.

        Raises
        ------
        OutputExistsError, OutputError
            See `kept`; or the disk is full. What was there before is as it was.
        """
        if self.path is None:
            raise ValueError("there is no file to write")
        from weightgauge.readings import refuse_what_was_read

        refuse_what_was_read(self.path)
        with _told(self.path):
            writer(self.path)


@contextmanager
def _told(path: str) -> Iterator[None]:
    """Turn what the system reports about a file that is written into `OutputError`."""
    try:
        yield
    except (OutputError, OutputExistsError):
        raise
    except OSError as error:
        shown = printable(path, limit=PATH_LIMIT)
        raise OutputError(f"{shown}: cannot be written: {error.strerror or error}") from error


def choose_format(
    asked: str | None, *, json: bool, path: str | None, findings: bool = False
) -> str:
    """Choose the form of the result: the one asked for, else that of the file's name.

    Raises
    ------
    click.UsageError
        If two different forms are asked for, or the file's name has an ending that is none.
    """
    if json:
        if asked not in (None, "json"):
            raise click.UsageError(f"--json and --format {asked} contradict each other")
        return "json"
    name = (path or "").lower()
    chosen = asked or format_by_suffix(name.removesuffix(COMPRESSED), findings=findings)
    if chosen and FORMATS[chosen].binary and name.endswith(COMPRESSED):
        raise click.UsageError(f"{chosen} is compressed already: leave out {COMPRESSED}")
    if asked is not None:
        return asked
    ending = os.path.splitext(path or "")[1]
    if chosen is None and ending and ending != ".safetensors":  # which is refused with the reason
        raise click.UsageError(
            f"no form of a result has names that end in '{printable(ending)}': give --format, or a "
            f"name that ends in {', '.join(suffixes(findings=findings))}; text also {COMPRESSED}"
        )
    return chosen or DEFAULT


def colour_allowed() -> bool:
    """Whether the environment lets a terminal have colours (https://no-color.org)."""
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _writes_all(stream: object) -> bool:
    """Whether a stream can be given the marks that text for people has beyond ASCII."""
    marks = "".join(map(chr, PLAIN_SPELLING))
    try:
        marks.encode(getattr(stream, "encoding", None) or "utf-8")
    except UnicodeEncodeError:
        return False
    return True


def _is_terminal(stream: object) -> bool:
    isatty = getattr(stream, "isatty", None)
    return bool(isatty is not None and isatty())


def _write_stdout(content: Iterable[str] | bytes) -> None:
    if not content:
        return
    stream = sys.stdout
    if stream is None:
        raise OutputError("standard output is closed")
    try:
        stream.flush()
        for data in _encoded(content, getattr(stream, "encoding", None) or "utf-8"):
            # An unbuffered stdout (PYTHONUNBUFFERED) may take only a part of the data, and its
            # text layer would silently lose the rest.
            rest = memoryview(data)
            while rest:
                rest = rest[stream.buffer.write(rest) :]
        stream.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write the result: {error.strerror or error}") from error


def _encoded(content: Iterable[str] | bytes, encoding: str) -> Iterator[bytes]:
    """Yield the bytes of a result, a part of it at a time: it may have a million lines."""
    if isinstance(content, bytes):
        yield content
    elif lookup(encoding).name == "utf-8":  # which has every character
        for piece in content:
            yield piece.encode("utf-8", "backslashreplace")
    else:
        yield from _spelled("".join(content), encoding)


def _spelled(content: str, encoding: str) -> Iterator[bytes]:
    """Yield the bytes of a text where characters may have to be spelled in another way."""
    encoder = getincrementalencoder(encoding)("backslashreplace")
    try:
        if not content.isascii():
            content.encode(encoding)
    except UnicodeEncodeError:
        content = content.translate(PLAIN_SPELLING)
    for start in range(0, len(content), _CHARACTERS_AT_ONCE):
        yield encoder.encode(content[start : start + _CHARACTERS_AT_ONCE])
