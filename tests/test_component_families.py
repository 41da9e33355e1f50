"""Names of real model families, and what each weight in them is."""

from __future__ import annotations

import pytest

from names import FAMILIES, Tensor
from weightgauge.anatomy.architecture import architecture_of
from weightgauge.anatomy.components import (
    KINDS,
    MATRIX_KINDS,
    classify,
    classify_by_form,
    first_rows,
)

NAMES = [row.tensor.name for rows in FAMILIES.values() for row in rows]


@pytest.mark.parametrize("family", FAMILIES)
def test_family(family: str) -> None:
    rows = FAMILIES[family]
    found = classify([row.tensor for row in rows])
    for row, component in zip(rows, found, strict=True):
        assert component == row.component, row.tensor.name


def test_order_of_the_tensors_does_not_matter() -> None:
    for rows in FAMILIES.values():
        tensors = [row.tensor for row in rows]
        assert classify(tensors[::-1]) == classify(tensors)[::-1]


def test_there_are_enough_families_and_no_unknown_kind() -> None:
    assert len(FAMILIES) >= 70
    assert {row.component.kind for rows in FAMILIES.values() for row in rows} == set(KINDS)
    assert set(MATRIX_KINDS) < set(KINDS)
    assert len(set(KINDS)) == len(KINDS)


@pytest.mark.parametrize("wrapped", ["{}", "{}.base_layer", "{}.linear", "{}.linear.base_layer"])
def test_a_projection_is_found_under_all_that_wraps_it(wrapped: str) -> None:
    name = wrapped.format("model.layers.3.self_attn.q_proj")
    assert classify([Tensor(f"{name}.weight", (64, 64))])[0].kind == "q"


def test_names_without_numbers_are_of_forms_of_their_own() -> None:
    """But for one that looks like the template of others."""
    names = ["a.weight", "layers.0.b", "b.weight", "layers.#.b", "layers.1.b", "decoder.c.weight"]
    components, forms = classify_by_form([Tensor(name, (64, 64)) for name in names])
    assert list(forms) == [0, 1, 2, 1, 1, 3]
    assert [each.tower for each in components] == [None] * 5 + ["decoder"]


def test_a_vector_is_never_a_matrix_kind() -> None:
    for shape in [(), (64,)]:
        for component in classify([Tensor(name, shape) for name in NAMES]):
            assert component.kind not in MATRIX_KINDS


def test_a_matrix_of_any_format_has_the_same_kind() -> None:
    for rows in FAMILIES.values():
        plain = classify([row.tensor for row in rows])
        coded = classify([row.tensor._replace(dtype="F8_E4M3") for row in rows])
        assert plain == coded


def test_one_tensor_of_each_form_shows_what_all_of_them_show() -> None:
    for rows in FAMILIES.values():
        tensors = [row.tensor for row in rows]
        components, forms = classify_by_form(tensors)
        assert list(components) == classify(tensors)
        first = first_rows(forms)
        assert [forms[row] for row in first] == list(dict.fromkeys(forms))
        for row, form in enumerate(forms):
            like = first[form]
            assert components[row].kind == components[like].kind
            assert components[row].tower == components[like].tower
            assert tensors[row][1:] == tensors[like][1:]
        one_by_one = architecture_of(tensors, components, None)
        assert architecture_of(tensors, components, None, forms=forms) == one_by_one
