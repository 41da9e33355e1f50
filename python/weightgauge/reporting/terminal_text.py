"""Text measured in the cells of a terminal: padded, wrapped and shortened."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence

from weightgauge.reporting.sparkline import BLOCKS, PLAIN_BLOCKS

_ELLIPSIS, _PLAIN_ELLIPSIS = "…", "..."

PLAIN_SPELLING = str.maketrans(
    {"±": "+-", _ELLIPSIS: _PLAIN_ELLIPSIS, **dict(zip(BLOCKS, PLAIN_BLOCKS, strict=True))}
)
"""What takes the place of marks beyond ASCII where these cannot be written."""

_UNITS = frozenset(("%", "bit", "bits", "byte", "bytes", "kB", "MB", "GB", "TB", "ms", "s"))
_BEHIND_WORDS = ".,:;)]"
_HEADS = (1 / 3, 1 / 2, 2 / 3)


_FIRST_ACCENT = "\u0300"
"""All characters before it take one cell."""


def cells(text: str) -> int:
    """Count the terminal cells of a text: East Asian characters take two, accents none."""
    if text.isascii() or max(text) < _FIRST_ACCENT:
        return len(text)
    return sum(map(_cells_of_one, text))


def most_cells(texts: Sequence[str]) -> int:
    """Count the terminal cells of the widest of some texts."""
    return max(map(len if _are_narrow(texts) else cells, texts), default=0)


def padded(text: str, width: int, *, right: bool = False) -> str:
    """Pad a text with spaces to a width in cells; `right` aligns it to the right."""
    return all_padded((text,), width, right=right)[0]


def all_padded(texts: Sequence[str], width: int, *, right: bool = False) -> list[str]:
    """Pad texts as `padded` does."""
    if _are_narrow(texts):
        return [text.rjust(width) if right else text.ljust(width) for text in texts]
    spaces = [" " * (width - cells(text)) for text in texts]
    pairs = zip(spaces, texts, strict=True) if right else zip(texts, spaces, strict=True)
    return ["".join(pair) for pair in pairs]


def _are_narrow(texts: Sequence[str]) -> bool:
    """Tell of many texts at once whether each of their characters is known to take one cell."""
    together = "".join(texts)
    if together.isascii():
        return True
    try:
        together.encode("latin-1")
    except UnicodeEncodeError:
        return False
    return True


def wrapped(text: str, width: int | None) -> list[str]:
    """Break a text between words into lines of at most `width` cells; None breaks nowhere.

    A word that is wider than a line is left whole, and a number stays with its unit.

    Examples
    --------
    >>> wrapped("they lie within 95 % of it", 18)
    ['they lie within', '95 % of it']
    """
    if width is None or cells(text) <= width:
        return [text]
    first, *words = _unparted(text)
    lines, taken = [first], cells(first)
    for word in words:
        taken += 1 + cells(word)
        if taken <= width:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
            taken = cells(word)
    return [line.rstrip() for line in lines]


def _unparted(text: str) -> Iterator[str]:
    """Yield the words of a text, a number and the unit behind it as one."""
    held, *words = text.split(" ")
    for word in words:
        if held[-1:].isdigit() and word.rstrip(_BEHIND_WORDS) in _UNITS:
            held += f" {word}"
        else:
            yield held
            held = word
    yield held


def shortened(text: str, width: int, *, head: float = 1 / 3, plain: bool = False) -> str:
    """Replace the middle of a text that is too wide by an ellipsis.

    A number is kept or left out as a whole, because half of it would be another number.

    Parameters
    ----------
    text : str
        A name.
    width : int
        Most terminal cells of the result, at least one.
    head : float
        Share of the room that the beginning gets. By default the end gets more, because the
        beginnings of names are often the same.
    plain : bool
        Whether the ellipsis is one of ASCII, of three characters.

    Examples
    --------
    >>> shortened("model.layers.12.self_attn.q_proj.weight", 27)
    'model.la…attn.q_proj.weight'
    """
    if cells(text) <= width:
        return text
    ellipsis = _PLAIN_ELLIPSIS if plain else _ELLIPSIS
    room = max(0, width - len(ellipsis))
    first = int(room * head)
    return f"{_beginning(text, first)}{ellipsis}{_beginning(text[::-1], room - first)[::-1]}"


def shortened_names(names: Sequence[str], width: int, *, plain: bool = False) -> list[str]:
    """Shorten the names of one column at the place that keeps the most of them distinct."""
    different = len(set(names))
    best: list[str] = []
    most = 0
    for head in _HEADS:
        tried = [shortened(name, width, head=head, plain=plain) for name in names]
        kept = len(set(tried))
        if kept > most:
            best, most = tried, kept
        if kept == different:
            break
    return best


def _beginning(text: str, width: int) -> str:
    """Return the beginning of a text that fits into `width` cells and cuts no number."""
    end = width
    if not text.isascii():
        end = taken = 0
        while end < len(text) and taken + _cells_of_one(text[end]) <= width:
            taken += _cells_of_one(text[end])
            end += 1
    if text[end : end + 1].isdigit():
        while end and text[end - 1].isdigit():
            end -= 1
    return text[:end]


def _cells_of_one(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 1 + (unicodedata.east_asian_width(character) in "WF")
