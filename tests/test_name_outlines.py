"""Names that the core cuts at their numbers are cut as an expression says."""

from __future__ import annotations

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from weightgauge.anatomy.components.places import places_of
from weightgauge.checkpoint.name_outlines import name_outlines
from weightgauge.checkpoint.tensors import Tensors
from weightgauge.checkpoint.types import TensorInfo

NUMBER = re.compile(r"\.(0*)([0-9]+)(?=\.)")
WORDS = ["h", "layers", "experts", "expert_3", "caf\u00e9", "\ud800", "\n", "\0", "#", "%d"]
DIGITS = ["0", "7", "00", "07", "12", "123456789", "1234567890", "0123456789", "\u0663", "\u00b2"]
PARTS = st.text(max_size=3) | st.sampled_from([*WORDS, *DIGITS, "-1", " 1", "1_0"])
NAMES = st.lists(st.lists(PARTS, max_size=6).map(".".join), max_size=30)


def cut(name: str) -> tuple[str, list[int]]:
    """Return the outline of a name, with its numbers in braces but for their zeros, and these."""
    numbers = []

    def hole(found: re.Match[str]) -> str:
        digits = found[1] + found[2]
        if len(digits) > 9:
            return found[0]
        numbers.append(int(digits))
        return f".{digits[: len(digits) - len(str(int(digits)))]}{{}}"

    escaped = name.replace("{", "{{").replace("}", "}}")
    return NUMBER.sub(hole, escaped), numbers


@settings(max_examples=300, deadline=None)
@given(NAMES)
def test_names_are_cut_at_their_numbers(names: list[str]) -> None:
    found = name_outlines(names)
    cuts = [cut(name) for name in names]
    assert found.numbers.tolist() == [number for _, numbers in cuts for number in numbers]
    assert found.counts[found.of_names].tolist() == [len(numbers) for _, numbers in cuts]
    # In the order in which they come up; each name without numbers stands for itself.
    keys = [outline if numbers else row for row, (outline, numbers) in enumerate(cuts)]
    places = {key: place for place, key in enumerate(dict.fromkeys(keys))}
    assert found.of_names.tolist() == [places[key] for key in keys]
    assert found.first_names.tolist() == [keys.index(key) for key in places]


@settings(max_examples=300, deadline=None)
@given(NAMES.map(lambda names: list(dict.fromkeys(names))))
def test_all_names_together_have_the_places_that_each_has_alone(names: list[str]) -> None:
    """Names in stages, whose numbers depend on those of others, are not among these."""
    found = places_of(names)
    templates = found.templates_of(range(len(names)))
    alone = [places_of([name]) for name in names]
    assert templates == [each.templates_of([0])[0] for each in alone]
    assert list(found.blocks) == [each.blocks[0] for each in alone]
    assert list(found.towers) == [each.towers[0] for each in alone]
    assert list(found.experts) == [each.experts[0] for each in alone]
    numbers = found.numbers.tolist()
    for row, template in enumerate(templates):
        assert templates.index(template) == numbers.index(numbers[row])


def test_numbers_that_are_kept_are_written_as_in_the_name() -> None:
    names = ["h.3.conv.007.weight", "h.4.conv.0.w%d", "h.5.conv.00.weight", "h.12.conv.7.weight"]
    templates = ["h.#.conv.007.weight", "h.#.conv.0.w%d", "h.#.conv.00.weight", "h.#.conv.7.weight"]
    assert places_of(names).templates_of(range(4)) == templates


def test_one_name_stands_for_all_that_differ_in_numbers() -> None:
    names = ["h.0.weight", "h.1.weight", "norm.weight", "h.10.bias", "h.2.weight"]
    tensors = Tensors.of([TensorInfo(name, "F32", (), 0, 8, 4) for name in names])
    assert tensors.unlike_names() == ["h.0.weight", "norm.weight", "h.10.bias"]
    assert tensors[1:].unlike_names() == ["h.1.weight", "norm.weight", "h.10.bias"]
