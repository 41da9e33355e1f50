"""Tensors in blocks are sorted by form and block as a plain loop sorts them."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from weightgauge.anatomy.block_forms import block_forms
from weightgauge.anatomy.components import Component, Components


def placed(random_numbers: random.Random, size: int) -> tuple[list[Component], list[int]]:
    """Return components and forms; tensors of one form belong all to experts, or none of them."""
    components, forms = [], []
    for _ in range(size):
        form = random_numbers.choice([-7, -2, 0, 1, 2, 5])
        block = random_numbers.choice([None, 0, 1, 3, 11])
        expert = random_numbers.randrange(9) if form in (-2, 1, 5) else None
        components.append(Component("up", block, None, expert, None, None))
        forms.append(form)
    return components, forms


@pytest.mark.parametrize("size", [0, 1, 5, 40, 3000])
def test_forms_in_blocks(size: int) -> None:
    components, forms = placed(random.Random(size), size)
    rows: dict[int, dict[int, list[int]]] = {}
    for row, (component, form) in enumerate(zip(components, forms, strict=True)):
        if component.block is not None:
            rows.setdefault(form, {}).setdefault(component.block, []).append(row)
    found = list(block_forms(Components.of(components), forms))
    assert [form.first for form in found] == [
        min(row for of_block in of_form.values() for row in of_block) for of_form in rows.values()
    ]
    for form, of_form in zip(found, rows.values(), strict=True):
        assert form.number == Counter({block: len(each) for block, each in of_form.items()})
        assert list(form.number) == list(of_form)  # in the order in which they come up
        assert list(form.last) == [each[-1] for each in of_form.values()]
        experts = [[components[row].expert for row in each] for each in of_form.values()]
        of_experts = None not in experts[0]
        assert [each.tolist() for each in form.experts] == (experts if of_experts else [])
