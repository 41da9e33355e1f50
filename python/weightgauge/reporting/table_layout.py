"""Tables laid out in columns of text, for a terminal of any width.

A number is never shortened and never broken over two lines. If a table is wider than the terminal,
these steps are taken, in this order:

1. Columns that only draw what others say are left out.
2. Names lose their middle, and phrases are broken between words.
3. Columns that may be dropped are left out, one after the other, until the table fits. A line says
   which ones.
4. If that does not suffice, nothing is dropped, and the table continues below as often as
   necessary. Columns that say what a row is about are repeated.
5. Where a single column does not fit beside those, headings are broken between words as well, words
   lose their middle, and names keep no more than four characters.

Without a width, as in a pipe or a file, none of this happens.

The tables of `rich` are not used, because they are made for few rows: 20,000 rows of seven columns
took 7 seconds of one core, for which this module takes a tenth of a second. `rich` also breaks
numbers that do not fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import chain

from weightgauge.categorical import Categorical
from weightgauge.reporting.cell_texts import text_batches
from weightgauge.reporting.document import Column, DocumentTable
from weightgauge.reporting.terminal_text import (
    PLAIN_SPELLING,
    all_padded,
    cells,
    most_cells,
    padded,
    shortened,
    shortened_names,
    wrapped,
)

_LEAST_SHARE = 3 / 8
"""Share of the terminal's width that a name or a phrase keeps as long as columns can be dropped."""

_LEAST_WIDTH = 8
"""Terminal cells that a name or a phrase keeps, unless its share of the terminal is less."""

_FEWEST = 4
"""Terminal cells that a name keeps where otherwise numbers have no room."""

_GAP = "  "


@dataclass(frozen=True, slots=True, eq=False)
class _TextColumn:
    """A column as text.

    Attributes
    ----------
    column : Column
        The column.
    texts : iterable of str
        Its cells, from the top, as often as they are asked for.
    width : int
        Terminal cells that the widest of the cells and the heading takes.
    plain : bool
        Whether it is to be of ASCII.
    fewest : int or None
        Cells that a name or a phrase keeps in a column that takes no more room than it must; None
        in others.
    """

    column: Column
    texts: Iterable[str]
    width: int
    plain: bool
    fewest: int | None = None

    def least(self, kept: float) -> int:
        """Return the terminal cells that the column needs if a name or a phrase keeps so many."""
        if not (self.column.may_shorten or self.column.may_wrap):
            return self.width
        fewest = max(int(kept), cells(self.column.title)) if self.fewest is None else self.fewest
        return min(self.width, fewest)

    def headings(self) -> list[str]:
        """Return the lines that stand above the column."""
        title = self.column.title
        if self.fewest is None:
            return [title]
        lines = wrapped(title, self.width)
        return [shortened(line, self.width, plain=self.plain) for line in lines]


def table_lines(table: DocumentTable, width: int | None, *, plain: bool = False) -> Iterable[str]:
    """Lay a table out: headings, a rule, and the rows.

    Parameters
    ----------
    table : DocumentTable
        What to lay out.
    width : int or None
        Columns of the terminal; None without a terminal.
    plain : bool
        Whether marks beyond ASCII are spelled in ASCII.

    Returns
    -------
    iterable of str
        Lines without spaces at their ends.
    """
    columns = _as_text(table, plain)
    if width is None or _total(column.width for column in columns) <= width:
        return _lines(columns)
    columns = [column for column in columns if not column.column.picture]
    if _total(column.width for column in columns) <= width:
        return _lines(columns)
    kept = _without_dropped(columns, width)
    if kept is None:
        return _continued(columns, width)
    dropped = [column.column.title for column in columns if column not in kept]
    lines = list(_lines(_squeezed(kept, width)))
    if dropped:
        lines += wrapped(f"No room for {', '.join(dropped)}: --json has all.", width)
    return lines


def has_room_for_pictures(table: DocumentTable, width: int | None, *, plain: bool = False) -> bool:
    """Return whether columns that only draw what others say are among the lines of a table.

    Parameters
    ----------
    table, width, plain : DocumentTable, int or None, bool
        See `table_lines`.
    """
    return width is None or _total(column.width for column in _as_text(table, plain)) <= width


def _as_text(table: DocumentTable, plain: bool) -> list[_TextColumn]:
    found = []
    for column, texts in table.shown():
        if plain:
            column = replace(column, heading=column.title.translate(PLAIN_SPELLING))
            texts = [text.translate(PLAIN_SPELLING) for text in texts]
        width = max(map(_most_cells, chain(((column.title,),), text_batches(texts))))
        found.append(_TextColumn(column, texts, width, plain))
    return found


def _without_dropped(columns: Sequence[_TextColumn], width: int) -> list[_TextColumn] | None:
    """Drop columns until the rest fits in one piece; None if it never does."""
    kept = list(columns)
    to_drop = [column for column in columns if column.column.drop is not None]
    to_drop.sort(key=lambda column: -(column.column.drop or 0))
    while _total_of_least(kept, width) > width:
        if not to_drop:
            return None
        kept.remove(to_drop.pop())
    return kept


def _continued(columns: Sequence[_TextColumn], width: int) -> list[str]:
    """Distribute the columns over as many tables as are necessary, one below the other."""
    first = [column for column in columns if column.column.identifies]
    lines: list[str] = []
    group: list[_TextColumn] = []
    for together in _units(column for column in columns if not column.column.identifies):
        for unit in _parted(first, together, width):
            if group and _total_of_least((*first, *group, *unit), width) > width:
                lines += [*_lines(_fitted((*first, *group), width)), ""]
                group = []
            group += unit
    return [*lines, *_lines(_fitted((*first, *group), width))]


def _parted(
    first: Sequence[_TextColumn], together: list[_TextColumn], width: int
) -> list[list[_TextColumn]]:
    """Part columns that belong together if the terminal is too narrow for that."""
    if len(together) > 1:
        narrowest = [_yielding(each) for each in (*first, *together)]
        if _total_of_least(narrowest, width) > width:
            return [[each] for each in together]
    return [together]


def _fitted(columns: Sequence[_TextColumn], width: int) -> list[_TextColumn]:
    """Return the columns of one table, narrower than is good to read only if they must be."""
    if _total_of_least(columns, width) > width:
        columns = [_yielding(each) for each in columns]
    return _squeezed(columns, width)


def _yielding(each: _TextColumn) -> _TextColumn:
    """Return a column that takes no more room than it must; numbers stay whole."""
    column = each.column
    if not column.right and not column.may_shorten:
        spaced = any(" " in text for text in each.texts)
        column = replace(column, may_wrap=spaced, may_shorten=column.identifies and not spaced)
    if column.may_shorten:
        return replace(each, column=column, fewest=_FEWEST)
    words = (text.split(" ") if column.may_wrap else (text,) for text in each.texts)
    longest = max(map(cells, chain(column.title.split(" "), *words)))
    width = each.width if column.may_wrap else longest
    return replace(each, column=column, width=width, fewest=longest)


def _units(columns: Iterable[_TextColumn]) -> list[list[_TextColumn]]:
    """Join columns that are never parted."""
    units: list[list[_TextColumn]] = []
    for column in columns:
        if column.column.follows and units:
            units[-1].append(column)
        else:
            units.append([column])
    return units


def _squeezed(columns: Sequence[_TextColumn], width: int) -> list[_TextColumn]:
    """Return the columns, as narrow as they have to be."""
    share = width * _LEAST_SHARE
    widths = [column.least(share) for column in columns]
    for i, column in enumerate(columns):
        # Spare room goes to the first columns that want it. On a very narrow terminal, missing room
        # is taken from the first columns that can spare it.
        room = width - _total(widths)
        widths[i] = min(column.width, max(column.least(min(_LEAST_WIDTH, share)), widths[i] + room))
    return [_narrowed(column, given) for column, given in zip(columns, widths, strict=True)]


def _narrowed(column: _TextColumn, width: int) -> _TextColumn:
    if width == column.width:
        return column
    if column.column.may_wrap:
        return replace(column, width=width)
    return replace(
        column, width=width, texts=shortened_names(list(column.texts), width, plain=column.plain)
    )


def _total_of_least(columns: Iterable[_TextColumn], width: int) -> int:
    return _total(column.least(width * _LEAST_SHARE) for column in columns)


def _lines(columns: Sequence[_TextColumn]) -> Iterator[str]:
    headings = [each.headings() for each in columns]
    most = max(map(len, headings), default=1)
    for line in zip(*([""] * (most - len(each)) + each for each in headings), strict=True):
        yield _GAP.join(
            padded(text, each.width, right=each.column.right)
            for text, each in zip(line, columns, strict=True)
        ).rstrip()
    yield _GAP.join("-" * each.width for each in columns)
    phrases = [each for each in columns if each.column.may_wrap]
    if any(cells(text) > each.width for each in phrases for text in each.texts):
        yield from _broken_rows(columns)
        return
    for several in zip(*(text_batches(each.texts) for each in columns), strict=True):
        filled = (
            _all_padded(texts, each.width, right=each.column.right)
            for texts, each in zip(several, columns, strict=True)
        )
        yield from map(str.rstrip, map(_GAP.join, zip(*filled, strict=True)))


def _all_padded(texts: Sequence[str], width: int, *, right: bool) -> Sequence[str]:
    """Pad the cells of a column, those that are the same in many rows once."""
    if isinstance(texts, Categorical):
        return texts.each(partial(padded, width=width, right=right))
    return all_padded(texts, width, right=right)


def _most_cells(texts: Sequence[str]) -> int:
    """Count the terminal cells of the widest of some cells of a column."""
    return most_cells(list(texts.different()) if isinstance(texts, Categorical) else texts)


def _broken_rows(columns: Sequence[_TextColumn]) -> Iterator[str]:
    """Write rows in which phrases take several lines."""
    for texts in zip(*(each.texts for each in columns), strict=True):
        pieces = [
            wrapped(text, each.width) if each.column.may_wrap else [text]
            for text, each in zip(texts, columns, strict=True)
        ]
        for i in range(max(map(len, pieces))):
            yield _GAP.join(
                padded(piece[i] if i < len(piece) else "", each.width, right=each.column.right)
                for piece, each in zip(pieces, columns, strict=True)
            ).rstrip()


def _total(widths: Iterable[int]) -> int:
    """Return the width of a table whose columns have these widths."""
    each = list(widths)
    return sum(each) + len(_GAP) * (len(each) - 1)
