"""Records from `maker` are equal to those that are made in the usual way."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
from array import array

import numpy as np
import pytest

from weightgauge.categorical import Categorical
from weightgauge.fits.slice_fit import SliceFit
from weightgauge.magnitudes.weibull import WeibullFit
from weightgauge.records import Table, as_row, maker, taken


@dataclasses.dataclass(frozen=True, slots=True)
class Mean:
    mean: float
    members: int | None = None

    def to_dict(self):
        return as_row(self)


@pytest.mark.parametrize("record", [SliceFit, WeibullFit])
def test_what_a_maker_makes_is_a_record(record):
    values = [f"value {i}" for i, _ in enumerate(dataclasses.fields(record))]
    made, expected = maker(record)(*values), record(*values)
    assert type(made) is record
    assert made == expected
    assert hash(made) == hash(expected)
    assert repr(dataclasses.astuple(made)) == repr(dataclasses.astuple(expected))
    assert pickle.loads(pickle.dumps(made)) == expected
    assert dataclasses.replace(made, **{dataclasses.fields(record)[0].name: 1}) != expected
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, dataclasses.fields(record)[0].name, 1)


def test_a_maker_takes_what_the_class_takes():
    assert maker(Mean)(1.5, members=3) == Mean(1.5, 3)
    parameters = [list(inspect.signature(f).parameters) for f in (maker(SliceFit), SliceFit)]
    assert parameters[0] == parameters[1]
    with pytest.raises(TypeError):
        maker(Mean)()


def test_a_table_is_a_tuple_of_records():
    rows = (Mean(1.5, 3), Mean(float("inf")))
    table = Table(Mean, rows)
    assert table == rows
    assert table[1:] == rows[1:]
    assert hash(table) == hash(rows)
    assert table.to_dicts() == [{"mean": 1.5, "members": 3}, {"mean": None, "members": None}]
    copied = pickle.loads(pickle.dumps(table))
    assert copied == table
    assert copied.record is Mean


@pytest.mark.parametrize("rows", [[], [0], [2, 2, 0], [1, 0, 2, 1]])
def test_places_may_come_as_an_array(rows):
    numbers = array("q", [5, -7, 1 << 40])
    found = taken(numbers, np.array(rows, np.int64))
    assert isinstance(found, array) and found.typecode == "q"
    assert list(found) == [numbers[row] for row in rows]
    few = Categorical(("q", "k"), array("B", [1, 0, 0]))
    assert list(taken(few, np.array(rows, np.int64))) == [few[row] for row in rows]
    for column in (["a", "b", "c"], ("a", "b", "c"), "aaa"):
        assert list(taken(column, np.array(rows, np.int64))) == [column[row] for row in rows]
