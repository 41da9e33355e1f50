"""Tensors as columns behave like a tuple of records."""

from __future__ import annotations

import pickle

import pytest

from weightgauge.checkpoint import TensorInfo, Tensors

RECORDS = (
    TensorInfo("h.0.weight", "BF16", (2, 3), 0, 100, 12),
    TensorInfo("h.1.weight", "F32", (), 1, 96, 4),
    TensorInfo("h.2.weight", "BF16", (0, 3), 1, 100, 0),
)


def test_records_come_back_as_they_were() -> None:
    tensors = Tensors.of(iter(RECORDS))
    assert tuple(tensors) == RECORDS
    assert len(tensors) == 3
    assert [tensors[i] for i in (0, 1, 2, -1)] == [*RECORDS, RECORDS[-1]]
    assert tensors.names == ["h.0.weight", "h.1.weight", "h.2.weight"]
    assert tensors.nbytes == [12, 4, 0]
    assert RECORDS[1] in tensors
    assert tensors.index(RECORDS[2]) == 2
    with pytest.raises(IndexError):
        tensors[3]


def test_it_compares_hashes_and_is_cut_like_a_tuple() -> None:
    tensors = Tensors.of(RECORDS)
    assert tensors == RECORDS
    assert tensors == Tensors.of(RECORDS)
    assert tensors != RECORDS[:2]
    assert tensors != Tensors.of([*RECORDS[:2], RECORDS[2]._replace(offset=101)])
    assert tensors != list(RECORDS)
    assert hash(tensors) == hash(RECORDS)
    assert tensors[1:] == RECORDS[1:]
    assert tensors[::-1] == RECORDS[::-1]


def test_of_nothing() -> None:
    nothing = Tensors.of(())
    assert not nothing
    assert nothing == ()
    assert nothing.take([]) == ()
    assert Tensors.joined([]) == ()


def test_rows_are_taken_in_any_order_and_as_often_as_asked() -> None:
    tensors = Tensors.of(RECORDS)
    assert tensors.take([2, 0, 2]) == (RECORDS[2], RECORDS[0], RECORDS[2])
    assert tensors.take([1]) == (RECORDS[1],)
    alike = Tensors.of([RECORDS[0]._replace(name=name) for name in "abc"])
    assert alike.take([1, 0]) == (alike[1], alike[0])


def test_parts_follow_each_other() -> None:
    parts = [Tensors.of(RECORDS[:1]), Tensors.of(()), Tensors.of(RECORDS[1:])]
    assert Tensors.joined(parts) == RECORDS
    assert parts[0] == RECORDS[:1]


def test_it_is_a_table() -> None:
    tensors = Tensors.of(RECORDS)
    assert tensors.to_dicts() == [record.to_dict() for record in RECORDS]
    frame = tensors.to_pandas()
    assert list(frame.columns) == list(TensorInfo._fields)
    assert frame["nbytes"].tolist() == [12, 4, 0]
    assert repr(tensors) == "<3 tensors>"
    assert repr(tensors[:1]) == "<1 tensor>"
    assert pickle.loads(pickle.dumps(tensors)) == tensors
