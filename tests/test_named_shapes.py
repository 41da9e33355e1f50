"""Shapes that are found by hashes of names are those of a dict."""

from __future__ import annotations

import pytest

from weightgauge.anatomy.named_shapes import NamedShapes


class Collides(str):
    """A name whose hash many share."""

    __slots__ = ()

    def __hash__(self):
        return 3

    def __eq__(self, other):
        return str.__eq__(self, other)


@pytest.mark.parametrize("kind", [str, Collides])
@pytest.mark.parametrize("made", [{}, {"n7": (9,), "w": (1, 1)}])
def test_it_is_like_a_dict(kind, made):
    names = [kind(f"n{i}") for i in range(200)]
    shapes = [(i, i % 3) for i in range(200)]
    expected = {str(name): shape for name, shape in zip(names, shapes, strict=True)} | made
    found = NamedShapes(names, shapes, {kind(name): shape for name, shape in made.items()})
    assert len(found) == len(expected) and {str(name) for name in found} == set(expected)
    for name in (*expected, "n200", ""):
        assert found.get(kind(name)) == expected.get(name)
    assert found.different() == set(expected.values())
    with pytest.raises(KeyError):
        found["n200"]


def test_no_names():
    assert dict(NamedShapes([], [], {})) == {} and NamedShapes([], [], {}).get("x") is None
