"""Packed matrices of which one tensor was cut: it is named, and nothing that is meant so is."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from packed_matrices import Quantised
from packed_models import HIDDEN, METHODS, UP, matrices, modules, packed_model, put

PARTS = {
    "gptq": ("qweight", "scales", "qzeros", "g_idx"),
    "awq": ("qweight", "scales", "qzeros"),
    "compressed": ("weight_packed", "weight_scale", "weight_zero_point"),
}


@pytest.fixture
def checked(tmp_path, write_checkpoint):
    def check(tensors, quantisation):
        found = wg.check(put(write_checkpoint, tmp_path / "m", tensors, quantisation))
        return found, [each for each in found.findings if each.id == "shape-contradicts"]

    return check


CUTS = [
    (form, leaf, axis)
    for form, leaves in PARTS.items()
    for leaf in leaves
    for axis in range(1 if leaf == "g_idx" else 2)
]


@pytest.mark.parametrize(("form", "leaf", "axis"), CUTS)
@pytest.mark.parametrize("stated", [True, False])
def test_the_part_that_was_cut_is_a_fault(checked, form, leaf, axis, stated):
    tensors = packed_model(form, matrices(symmetric=False))
    name = f"{UP}.{leaf}"
    whole = tensors[name].shape
    keep = whole[axis] - max(1, whole[axis] // 8)
    tensors[name] = np.ascontiguousarray(np.take(tensors[name], range(keep), axis))
    found, (finding,) = checked(tensors, METHODS[form] if stated else None)
    if form == "awq" and leaf == "qweight" and axis == 0:
        # The last group may have fewer inputs than others; the other blocks have more.
        assert finding.message.startswith(f"{name}: unpacked, ")
    else:
        sides = str(list(tensors[name].shape)), str(list(whole))
        assert (finding.value, finding.expected) == sides
    assert (finding.tensor, finding.level, found.exit_code) == (name, "fault", 4)


@pytest.mark.parametrize("axis", [0, 1])
def test_codes_are_held_against_the_shape_that_is_stated(checked, axis):
    """Without any other block beside them."""
    name = "model.layers.0.mlp.up_proj"
    tensors = {f"{name}.{leaf}": each for leaf, each in Quantised(96, 64, 32).compressed().items()}
    codes = tensors[f"{name}.weight_packed"]
    tensors[f"{name}.weight_packed"] = codes[:48] if axis == 0 else codes[:, :4]
    _, (finding,) = checked(tensors, METHODS["compressed"])
    assert (finding.level, finding.tensor) == ("fault", f"{name}.weight_packed")
    assert finding.expected == "[96, 8]" and "'weight_shape' says 96 x 64" in finding.message


def regrouped(group, every):
    """Some matrices have groups of another size."""
    whole, other = matrices(), matrices(group)
    return {
        name: other[name] if number % every == 0 else each
        for number, (name, each) in enumerate(whole.items())
    }


def test_scales_of_fewer_groups_are_a_warning_where_nothing_states_them(checked):
    whole = matrices()
    whole[UP] = matrices(HIDDEN)[UP]
    _, (finding,) = checked(packed_model("compressed", whole), None)
    assert (finding.level, finding.tensor) == ("warning", f"{UP}.weight_scale")
    assert (finding.value, finding.expected) == ("[128, 1]", "[128, 2]")


def test_scales_that_differ_by_design_are_nothing(checked):
    """Where as many blocks have the one as the other, or settings say so."""
    _, found = checked(packed_model("compressed", regrouped(16, 2)), None)
    assert found == []
    whole = matrices()
    whole[UP] = matrices(HIDDEN)[UP]
    weights = {"num_bits": 4, "group_size": HIDDEN}
    groups = METHODS["compressed"]["config_groups"] | {
        "group_1": {"targets": [UP], "weights": weights}
    }
    method = METHODS["compressed"] | {"config_groups": groups}
    _, found = checked(packed_model("compressed", whole), method)
    assert found == []


@pytest.mark.parametrize("bits", [2, 8])
@pytest.mark.parametrize("stated", [True, False])
def test_other_widths_of_single_modules_are_not_cut(checked, bits, stated):
    """Mixed precision: more or fewer words for the same shape, and the same scales."""
    tensors = packed_model("compressed")
    for module in modules()[:3]:
        codes = tensors[f"{module}.weight_packed"]
        words = codes.shape[1] * bits // 4
        tensors[f"{module}.weight_packed"] = np.resize(codes, (codes.shape[0], words))
    groups = METHODS["compressed"]["config_groups"] | {
        "group_1": {"targets": modules()[:3], "weights": {"num_bits": bits, "group_size": 32}}
    }
    method = METHODS["compressed"] | {"config_groups": groups}
    found, contradicted = checked(tensors, method if stated else None)
    assert contradicted == [] and found.exit_code == (0 if stated else 3)


def test_other_widths_of_gptq_are_not_cut(checked):
    """Where nothing is stated, as many inputs as the index has tell the bits of a code."""
    tensors = packed_model("gptq")
    for module in modules()[:3]:
        for leaf in ("qweight", "qzeros"):
            axis = 0 if leaf == "qweight" else 1
            each = tensors[f"{module}.{leaf}"]
            half = each.shape[axis] // 2
            tensors[f"{module}.{leaf}"] = np.ascontiguousarray(np.take(each, range(half), axis))
    found, contradicted = checked(tensors, None)
    assert contradicted == [] and found.exit_code == 0


@pytest.mark.parametrize("form", METHODS)
def test_whole_models_are_whole(checked, form):
    for method in (METHODS[form], None):
        found, contradicted = checked(packed_model(form, matrices(symmetric=False)), method)
        assert contradicted == [] and found.exit_code == 0
