"""What `weightgauge fit` shows people, pinned by golden files."""

from __future__ import annotations

from dataclasses import replace

import pytest

from made_fits import made_fit, made_slice, same_as_golden
from weightgauge.choices import TRIMS
from weightgauge.fits import Spread
from weightgauge.reporting.views.fit import fit_document
from weightgauge.reporting.writers.medium import Medium
from weightgauge.reporting.writers.text import write as write_text


def shown(result, *, width=None, colour=False, notes=True):
    return write_text(fit_document(result), Medium(width=width, colour=colour, notes=notes))


def decoder(blocks, kinds, *, k_se=0.0036, tower=None, prefix="model.layers"):
    return [
        made_slice(
            f"{prefix}.{block}.{kind}.weight",
            kind,
            block,
            tower=tower,
            k=1.2 - 0.01 * block - 0.02 * i,
            k_se=k_se,
            lam=0.02 + 0.001 * i,
            r2=0.998 - 0.001 * block,
        )
        for block in range(blocks)
        for i, kind in enumerate(kinds)
    ]


def test_six_blocks():
    kinds = ("q", "k", "v", "o", "ffn_in", "ffn_out")
    result = made_fit(
        made_slice("embeddings.word_embeddings.weight", "embed", shape=(30522, 384), k_se=0.0004),
        *decoder(6, kinds),
        made_slice("encoder.layer.0.output.LayerNorm.weight", "norm", 0, shape=(64,)),
        made_slice("encoder.layer.0.output.dense.bias", "bias", 0, shape=(64,)),
        made_slice("pooler.dense.weight", "other"),
        made_slice(
            "embeddings.position_ids",
            "other",
            dtype="I64",
            shape=(1, 512),
            n=0,
            status="not_applicable",
            reason="I64 holds no floating-point weights",
        ),
    )
    assert same_as_golden("fit-six-blocks.txt", shown(result))


def test_towers_experts_and_flags():
    experts = [
        made_slice(f"e.{i}.weight", "gate", 1, tower="decoder", expert=i, k=1.1 + i / 100)
        for i in range(8)
    ]
    none = {"status": "degenerate", "reason": "all magnitudes are equal"}
    result = made_fit(
        *decoder(2, ("q",), tower="encoder"),
        made_slice("d.0.q", "q", 0, tower="decoder", status="sparse", reason="50 % zeros"),
        made_slice("d.0.o", "o", 0, tower="decoder", r2=0.91),
        made_slice("d.1.q", "q", 1, tower="decoder", status="scale_not_applied", reason="s"),
        made_slice("d.1.o", "o", 1, tower="decoder", **none),
        *experts,
        trim="mid_90",
        protocol="paper",
    )
    assert same_as_golden("fit-towers-experts-flags.txt", shown(result))


def test_narrow_terminal_gets_several_tables_and_no_cut():
    result = made_fit(*decoder(3, ("q", "k", "v", "o", "gate", "up", "down"), k_se=0.0003))
    text = shown(result, width=60)
    assert same_as_golden("fit-narrow.txt", text)
    assert max(map(len, text.splitlines())) <= 60


def test_eighty_blocks_are_eighty_rows():
    kinds = ("q", "k", "v", "o", "gate", "up", "down")
    text = shown(made_fit(*decoder(80, kinds, k_se=0.00017)))
    rows = [line for line in text.splitlines() if line.lstrip()[:1].isdigit() and "±" in line]
    assert len(rows) == 80
    assert all(row.count("±0.0002") == 7 for row in rows)  # errors are never shown as zero
    assert max(map(len, text.splitlines())) < 150


def test_nothing_is_cut_off_without_a_terminal():
    name = "a." * 60 + "weight"
    text = shown(made_fit(made_slice(name, "other")))
    assert name in text
    assert "…" not in text


@pytest.mark.parametrize("name", ["[red]x[/red]", "\x1b[31mx", "\u202ex", "a\nb", "\x00", ""])
def test_names_are_inert(name):
    text = shown(made_fit(made_slice(name, "other"), model=name, warnings=(name,)))
    assert text.replace("\n", "").isprintable()
    assert "\u202e" not in text
    if name.isprintable():
        assert name in text  # no markup is interpreted


def test_quiet_page_has_the_tables_alone():
    result = made_fit(*decoder(1, ("q",)))
    loud, quiet = shown(result), shown(result, notes=False)
    assert loud.startswith(quiet)
    assert "independent weights" in loud
    assert "independent weights" not in quiet


def test_what_the_errors_allow_for_is_told():
    known = {"spread": Spread(0.01, 0.02, 1.2), "errors_from": "a sample of rows and columns"}
    sampled = [made_slice(f"a{i}", "q", i, **known) for i in range(2)]
    alone = made_slice("b", "q", 2)
    vector = made_slice("c", "norm", shape=(4096,))

    def told(*slices):
        text = " ".join(shown(made_fit(*slices)).split())
        return text.partition("±: standard error")[2].partition(" Every slice")[0]

    allows = "; it allows for rows, columns, heads and experts with scales of their own"
    assert told(*sampled, vector) == f"{allows}."
    assert told(*sampled, alone, vector).startswith(f"{allows}, except in 1 matrix, whose weights")
    assert told(alone, vector).startswith(" of independent weights; where rows or columns have")


def test_errors_in_the_tables_are_those_of_the_matrix():
    text = shown(made_fit(made_slice("t", "q", 0, k_se=0.0036, k_se_matrix=0.0172)))
    assert "1.200±0.017" in text and "±0.004" not in text


def test_empty_fit():
    assert "0 tensors" in shown(made_fit())


def test_colour_only_where_allowed():
    result = made_fit(*decoder(1, ("q",)))
    assert "\x1b" not in shown(result)
    assert "\x1b[1m" in shown(result, colour=True)


def test_gaussian_k_by_trim():
    # Population values of the half-normal distribution under the order protocol.
    expected = {"mid_80": 1.205434319017451, "mid_90": 1.190922610384, "full": 1.15106659072}
    found = {name: trim.gaussian_k for name, trim in TRIMS.items()}
    assert found == pytest.approx(expected, abs=1e-11)
    for trim, k in expected.items():
        assert f"{k:.4f}" in shown(made_fit(made_slice("t", "q", 0), trim=trim))


def test_embed_line_has_k_lambda_and_r2():
    text = shown(made_fit(made_slice("wte.weight", "embed", k=1.2345, k_se=0.01, lam=0.01234)))
    (line,) = [line for line in text.splitlines() if line.startswith("wte.weight")]
    assert line.split() == ["wte.weight", "embed", "64x64", "1.234±0.010", "0.01234", "0.9977"]


def kind_line(text, kind):
    lines = text.split("By kind")[1].splitlines()
    return next(line.split() for line in lines if line.startswith(f"{kind} "))


def test_slices_by_kind_count_the_same_above_and_below_the_line():
    """A stack that is given whole and in pieces has as many slices as pieces."""
    name = "model.layers.0.mlp.experts.down_proj"
    stack = [
        made_slice(name, "down", 0, shape=(4, 64, 64)),
        *(made_slice(name, "down", 0, expert=i) for i in range(4)),
    ]
    assert kind_line(shown(made_fit(*stack)), "down")[1] == "4"
    stack[2] = made_slice(name, "down", 0, expert=1, n=0, status="empty")
    assert kind_line(shown(made_fit(*stack)), "down")[1:4] == ["3", "of", "4"]


def product(name, kind, block, **given):
    decoded = "B A of rank 8, times lora_alpha/r = 2"
    return made_slice(name, kind, block, part="ba", decoded=decoded, **given)


def test_what_is_added_to_a_matrix_is_not_mixed_with_it():
    """The tables show the stored q; v is stored nowhere, so that its products are shown."""
    result = made_fit(
        made_slice("layers.0.self_attn.q_proj.base_layer.weight", "q", 0, k=1.2),
        product("layers.0.self_attn.q_proj", "q", 0, k=0.8),
        product("layers.0.self_attn.v_proj", "v", 0, k=0.9),
    )
    assert [(each.kind, each.slices, each.k_median) for each in result.kinds] == [
        ("q", 1, 1.2),
        ("v", 1, 0.9),
    ]
    text = shown(result)
    assert "[2]" not in text and "0.8000" not in text and "1.2000" in text
    assert kind_line(text, "q")[1:3] == ["1", "1.2000"]
    assert "In no table by block or kind: 1 product B A," in " ".join(text.split())


def test_products_outside_the_blocks_have_rows_of_their_own():
    result = made_fit(
        made_slice("lm_head.base_layer.weight", "head", k=1.2),
        product("lm_head", "head", None, k=0.8),
    )
    lines = shown(result).splitlines()
    assert sum(line.startswith("lm_head") for line in lines) == 2


@pytest.mark.parametrize(("number", "text"), [(1, "1 product B A"), (2, "2 products B A")])
def test_the_number_of_products(number, text):
    products = [product(f"layers.{i}.self_attn.q_proj", "q", i) for i in range(number)]
    assert f"0 weights and {text}" in shown(made_fit(*products)).replace("\n", " ")


def test_a_divided_product_counts_once():
    """The whole product of a latent projection, and its two parts of the same kind."""
    whole = product("layers.0.self_attn.kv_a_proj_with_mqa", "kv_a", 0, k=5.0)
    parts = [replace(whole, part=part, k=1.0) for part in ("latent", "rope")]
    assert [(each.slices, each.k_max) for each in made_fit(whole, *parts).kinds] == [(2, 1.0)]
