"""Columns of few different values are like the lists that they stand for."""

from __future__ import annotations

import random
from array import array

import numpy as np
import pytest

from weightgauge.categorical import (
    Categorical,
    alike,
    by_code,
    categorical,
    constant,
    different,
    first_places,
    joined,
    numbers_of,
    plain_if_short,
    rows_by_value,
)
from weightgauge.records import taken

RANDOM = random.Random(4)


def column(different, size):
    values = [None, *((1, i) for i in range(different - 1))]
    return RANDOM.choices(values, k=size)


def assert_like(found, expected):
    assert found == expected and expected == found and list(found) == expected
    assert len(found) == len(expected) and bool(found) == bool(expected)
    assert found != [*expected, None] and found != (*expected[1:], 7)
    for value in (*expected[:3], None, "never"):
        assert found.count(value) == expected.count(value)
        assert (value in found) == (value in expected)
    for places in (slice(2, 9), slice(None, None, -3), slice(5, 5)):
        assert list(found[places]) == expected[places]
    rows = [RANDOM.randrange(len(expected)) for _ in range(50 if expected else 0)]
    assert list(taken(found, rows)) == [expected[row] for row in rows]
    assert [found[row] for row in rows] == [expected[row] for row in rows]
    assert list(reversed(found)) == expected[::-1]
    if isinstance(found, Categorical):
        assert list(found.at(np.array(rows, np.int64))) == [expected[row] for row in rows]
        for make in (repr, lambda value: value is None):  # the other makes few of many
            assert list(found.each(make)) == list(map(make, expected))
    if expected:
        assert found[-1] == expected[-1]
    with pytest.raises(IndexError):
        found[len(expected)]


@pytest.mark.parametrize("different", [1, 2, 256, 257, 1000])
def test_few_values(different):
    expected = column(different, 20_000)
    found = categorical(expected)
    assert isinstance(found, Categorical)
    assert_like(found, expected)
    assert_like(categorical(found[7:]), expected[7:])


@pytest.mark.parametrize(("different", "size"), [(600, 2000), (70_000, 70_000), (2, 999), (1, 0)])
def test_what_would_save_nothing_is_left_alone(different, size):
    expected = column(different, size)
    assert categorical(expected) is expected


def test_by_code():
    assert_like(by_code(["a", "b"], [1, 0, 1, 1]), list("babb"))
    assert_like(by_code(["a", "b", "a"], [2, 1, 0, 2]), list("abaa"))
    assert by_code(["a", "b"] * 40_000, range(80_000)).count("a") == 40_000
    many = list(range(70_000))
    assert by_code(many, many[::-1]) == many[::-1]


@pytest.mark.parametrize("typecode", ["B", "H", "i"])
def test_by_code_of_an_array(typecode):
    assert_like(by_code(["a", "b"], array(typecode, [1, 0, 1, 1])), list("babb"))


@pytest.mark.parametrize(("different", "size"), [(1, 7), (3, 2000), (300, 5000), (0, 0)])
def test_rows_are_numbered_by_all_their_columns(different, size):
    """Of lists and of categories, some of which never occur or stand in another order."""
    draw = random.Random(5)
    words = [f"w{draw.randrange(different)}" for _ in range(size)]
    codes = [draw.randrange(4) for _ in range(size)]
    kinds = Categorical(("x", "q", "k", "v", "unused"), array("B", codes))
    tails = [(draw.randrange(2),) for _ in range(size)]
    rows = list(zip(words, codes, tails, strict=True))
    places = {row: place for place, row in enumerate(dict.fromkeys(rows))}
    assert alike(words, kinds, tails).tolist() == [places[row] for row in rows]


def test_constant():
    assert_like(constant("x", 11), ["x"] * 11)
    assert_like(constant(None, 0), [])
    assert not any(constant("", 5))


@pytest.mark.parametrize("different", [1, 3, 200, 300])
def test_joined(different):
    """Of parts that have other values, or the same in another order, and of lists."""
    parts = [column(different, size) for size in (5000, 3000, 4000)]
    parts[1] = [("other", value) for value in parts[1]]
    whole = [value for part in parts for value in part]
    assert_like(joined(list(map(categorical, parts))), whole)
    assert_like(joined([categorical(parts[0]), parts[1], categorical(parts[2])]), whole)
    assert list(joined([parts[0][:3], parts[1][:2]])) == parts[0][:3] + parts[1][:2]
    assert joined([]) == []


@pytest.mark.parametrize("size", [0, 1, 50, 5000])
def test_short_columns_become_plain(size):
    values = column(3, size)
    found = plain_if_short(by_code(values, range(size)))
    assert list(found) == values
    assert isinstance(found, list) == (size < 1000)


def test_different_values():
    some = Categorical(("unused", "q", ""), array("B", [1, 2, 1]))
    assert sorted(different(some)) == ["", "q"]
    assert any(different(some)) and not any(different(some[1:2]))
    plain = [["no", "hash"], []]
    assert list(different(plain)) == plain


@pytest.mark.parametrize("size", [0, 1, 5, 3000])
def test_numbers(size):
    values = [None, 3, 70_000] * size
    for column in (values, Categorical((None, 3, 70_000), array("B", [0, 1, 2] * size))):
        numbers = numbers_of(column, lambda each: -1 if each is None else each, "int32")
        assert numbers.dtype == "int32"
        assert numbers.tolist() == [-1, 3, 70_000] * size


def test_no_number_is_asked_for_a_value_that_does_not_occur():
    kinds = Categorical(("unused", "q", "k"), array("B", [1, 2, 1]))
    assert kinds.numbers({"q": 3, "k": 4}.__getitem__, "int64").tolist() == [3, 4, 3]
    assert kinds.different() == {"q", "k"}


@pytest.mark.parametrize("numbers", [[], [4], [5, 5, -2, 5, 0, -2], [10**6, 3, 10**6]])
def test_first_places(numbers):
    places = {number: place for place, number in reversed(list(enumerate(numbers)))}
    assert first_places(numbers) == sorted(places.values())
    assert first_places(np.array(numbers, np.int64)) == sorted(places.values())


def test_any_number_of_rows_is_taken():
    kinds = Categorical(("q", "k"), array("B", [0, 1, 1]))
    assert [list(kinds.take(rows)) for rows in ([], [2], [1, 0])] == [[], ["k"], ["k", "q"]]


def test_rows_of_each_value_in_short_and_in_long_columns():
    """The first value to stand somewhere comes first, and no row is lost."""
    values = np.random.default_rng(5).choice(["q", "k", "v", None], 5_000, p=[0.6, 0.3, 0.05, 0.05])
    for size in (0, 1, 10, 5_000):
        column = categorical(values[:size].tolist())
        wanted = {each: np.flatnonzero(values[:size] == each).tolist() for each in column}
        assert list(rows_by_value(column)) == list(wanted.items())
        if isinstance(column, Categorical):
            assert column.different() == wanted.keys()
            assert {each: column.count(each) for each in wanted} == {
                each: len(rows) for each, rows in wanted.items()
            }
