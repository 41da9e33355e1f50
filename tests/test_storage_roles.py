"""Clauses that say whose matrix a tensor serves."""

import pytest

from weightgauge.anatomy.storage import is_beside, served
from weightgauge.anatomy.storage.roles import belongs_to, scale_of
from weightgauge.errors import printable

NAMES = ["a.qweight", "it's.weight", "a' b.qweight", "a\x1b.weight", "a" * 1000]


@pytest.mark.parametrize("name", NAMES)
def test_the_name_is_found_again(name):
    for role in (belongs_to(name), belongs_to(name, "packed by GPTQ"), scale_of(name)):
        assert served(role) == printable(name) and is_beside(role)


@pytest.mark.parametrize(
    "role", ["", "packed by GPTQ: no weights before it is dequantised", "on a scale of 'a'"]
)
def test_other_clauses_name_nobody(role):
    assert served(role) == "" and not is_beside(role)
