"""Findings about packed matrices, by the names of the tensors that a reader can look for."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from weightgauge.errors import printable

if TYPE_CHECKING:
    from weightgauge.anatomy.storage import Stored
    from weightgauge.findings import Finding

_NUMBER = re.compile("[0-9]+")
_QUOTED = re.compile("'([^' ]+)'")


def named_as_stored(
    findings: Iterable[Finding], matrices: Mapping[str, Stored], names: Collection[str]
) -> list[Finding]:
    """Name what stands in the files where findings name matrices that are made of it.

    A matrix that is missing is named as those of its module in other blocks are stored.

    Parameters
    ----------
    findings : iterable of Finding
        Whose tensors, and names in quotes, are those that matrices would have.
    matrices : mapping of str to Stored
        Matrices that are decoded, by the name of the tensor with the codes.
    names : collection of str
        Names of all tensors.

    Returns
    -------
    list of Finding
    """
    codes = {stored.name: name for name, stored in matrices.items() if stored.name != name}
    if not codes:
        return list(findings)
    there = frozenset(names)
    alike = {_NUMBER.sub("#", matrix): _leaf(name) for matrix, name in codes.items()}

    def called(name: str) -> str:
        if name in there or name in codes:
            return name if name in there else codes[name]
        leaf = alike.get(_NUMBER.sub("#", name))
        return name if leaf is None else f"{name.rpartition('.')[0]}.{leaf}"

    return [_renamed(each, called, there) for each in findings]


def _renamed(each: Finding, called: Callable[[str], str], there: Collection[str]) -> Finding:
    message = _QUOTED.sub(lambda quoted: f"'{called(quoted[1])}'", each.message)
    tensor = None if each.tensor is None else called(each.tensor)
    if tensor is not None and each.tensor is not None and tensor != each.tensor:
        # What is said of a shape is said of that of the matrix.
        unpacked = "unpacked, " if tensor in there else ""
        told = message.removeprefix(f"{printable(each.tensor)}: ")
        message = f"{printable(tensor)}: {unpacked}{told}" if told != message else message
    return replace(each, tensor=tensor, message=message)


def _leaf(name: str) -> str:
    return name.rpartition(".")[2]
