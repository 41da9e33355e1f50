"""Zero points of GPTQ that are not those of the symmetric weights that the configuration states."""

from __future__ import annotations

from collections.abc import Iterator

from weightgauge.anatomy.storage import Storage
from weightgauge.anatomy.storage.stored import PackedCodes
from weightgauge.checkpoint import Checkpoint, TensorInfo
from weightgauge.checkpoint.scalars import read_shapes
from weightgauge.findings import RULES, Finding, Place

_WORDS = 8
"""Words that are read of each tensor; what is of another format or lost is so from the first on."""
_SYMMETRIC = 8
_ONES = 0x11111111
_PLACES = range(0, 32, 4)


def stated_zeros(checkpoint: Checkpoint, storage: Storage) -> Iterator[Finding]:
    """Tell of zero points other than 8 where `sym` is stated.

    Parameters
    ----------
    checkpoint : Checkpoint
        Where they lie.
    storage : Storage
        How its matrices are stored.

    Yields
    ------
    Finding
        One for each tensor of zero points, of which the first ones are read.
    """
    quantisation = storage.quantisation
    less_one: dict[str, int] = {}
    asked: list[TensorInfo] = []
    for name, stored in storage.matrices.items():
        codes = stored.source
        if not isinstance(codes, PackedCodes) or codes.zeros is None:
            continue
        if quantisation.of_module(name.rpartition(".")[0]).get("sym") is not True:
            continue
        words = min(_WORDS, codes.zeros.size)
        asked.append(codes.zeros._replace(shape=(words,), nbytes=4 * words))
        less_one[codes.zeros.name] = _ONES if codes.zeros_less_one else 0
    for name, stored_words in read_shapes(checkpoint, asked).items():
        words_added = [(word + less_one[name]) % (1 << 32) for word in stored_words]
        points = {word >> place & 15 for word in words_added for place in _PLACES}
        astray = sorted(points - {_SYMMETRIC})
        if astray:
            yield RULES["zero-points-contradict"].finding(
                Place(tensor=name),
                value=astray[0],
                expected=_SYMMETRIC,
                file=quantisation.file_of("sym"),
            )
