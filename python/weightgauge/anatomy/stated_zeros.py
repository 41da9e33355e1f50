"""Zero points of GPTQ that are not those of the symmetric weights that the configuration states."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from weightgauge.anatomy.storage import Storage
from weightgauge.anatomy.storage.stored import PackedCodes
from weightgauge.checkpoint import Checkpoint, TensorInfo
from weightgauge.checkpoint.scalars import read_shapes
from weightgauge.findings import RULES, Finding, Place

_WORDS = 8
"""Words that are read of each tensor; what is of another format or lost is so from the first on."""
_WORD_BITS = 32


def stated_zeros(checkpoint: Checkpoint, storage: Storage) -> Iterator[Finding]:
    """Tell of zero points that are not half of all codes where `sym` is stated.

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
    codes_of: dict[str, PackedCodes] = {}
    asked: list[TensorInfo] = []
    for name, stored in storage.matrices.items():
        codes = stored.source
        if not isinstance(codes, PackedCodes) or codes.zeros is None:
            continue
        if quantisation.of_module(name.rpartition(".")[0]).get("sym") is not True:
            continue
        words = min(_WORDS, codes.zeros.size)
        asked.append(codes.zeros._replace(shape=(words,), nbytes=4 * words))
        codes_of[codes.zeros.name] = codes
    for name, stored_words in read_shapes(checkpoint, asked).items():
        symmetric = 1 << (codes_of[name].bits - 1)
        astray = sorted(_points(stored_words, codes_of[name]) - {symmetric})
        if astray:
            yield RULES["zero-points-contradict"].finding(
                Place(tensor=name),
                value=astray[0],
                expected=symmetric,
                file=quantisation.file_of("sym"),
            )


def _points(words: Sequence[int], codes: PackedCodes) -> set[int]:
    """Return the zero points that lie in the first words, as far as these hold whole ones."""
    if codes.packing != "rows_abreast" or codes.zeros is None:
        return _in_stream(words, codes)
    # The zero points of a group begin with a word, and need not fill the last one.
    of_group = codes.zeros.shape[-1]
    return {
        point
        for first in range(0, len(words), of_group)
        for point in _in_stream(words[first : first + of_group], codes)
    }


def _in_stream(words: Sequence[int], codes: PackedCodes) -> set[int]:
    bits, added = codes.bits, codes.added_zero
    by_word = _WORD_BITS % bits == 0
    of_words = (added,) if by_word else codes.added_words
    stream = sum(
        (word + of_words[place % len(of_words)]) % (1 << _WORD_BITS) << _WORD_BITS * place
        for place, word in enumerate(words)
    )
    whole = min(_WORD_BITS * len(words) // bits, codes.rows)
    points = {stream >> bits * place & (1 << bits) - 1 for place in range(whole)}
    return points if by_word else {(point + added) % (1 << bits) for point in points}
