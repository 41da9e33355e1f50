"""Rules files: levels, thresholds, and what is accepted; a mistake is refused whole."""

from __future__ import annotations

import json
import re
from datetime import date, timedelta

import numpy as np
import pytest

import weightgauge as wg
from checked import UP, config, put, run, trained
from weightgauge.errors import RulesError
from weightgauge.health import read_rules


def test_rules_are_turned_off_and_levelled(with_nan, rules):
    off = rules('[rules.non-finite]\nlevel = "off"\n')
    found = wg.check(with_nan, rules=off)
    assert found.exit_code == 0 and "non-finite" not in {each.id for each in found.findings}
    assert "non-finite" not in found.rules
    note = rules('[rules.non-finite]\nlevel = "note"\n')
    (finding,) = [each for each in wg.check(with_nan, rules=note).findings if each.tensor == UP]
    assert (finding.id, finding.level) == ("non-finite", "note")


def test_thresholds_decide(tmp_path, rules):
    tensors = trained()
    tensors[UP][np.random.default_rng(1).random(tensors[UP].shape) < 0.03] = 0
    path = put(tmp_path / "model", tensors, config())
    ids = {each.id for each in wg.check(path).findings}
    assert "zero-share" in ids
    loose = rules("[rules.zero-share]\nthreshold = 0.05\n")
    assert "zero-share" not in {each.id for each in wg.check(path, rules=loose).findings}


def test_findings_are_accepted_by_glob_with_a_reason_until_a_day(with_nan, rules):
    text = '[[accept]]\nrule = "non-finite"\ntensor = "{}"\nreason = "known"\n{}'
    found = wg.check(with_nan, rules=rules(text.format("model.layers.2.*", "")))
    assert found.exit_code == 0
    ((accepted),) = found.accepted
    assert (accepted.finding.tensor, accepted.reason) == (UP, "known")
    elsewhere = rules(text.format("model.layers.3.*", ""))
    assert wg.check(with_nan, rules=elsewhere).exit_code == 4
    today, yesterday = date.today(), date.today() - timedelta(days=1)
    assert wg.check(with_nan, rules=rules(text.format("*", f"until = {today}"))).exit_code == 0
    assert wg.check(with_nan, rules=rules(text.format("*", f"until = {yesterday}"))).exit_code == 4
    assert (
        "Accepted by the rules file" in run(with_nan, "--rules", rules(text.format("*", ""))).stdout
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules = 3", "rules: is no table"),
        ("[rule.non-finite]", "does not know 'rule'"),
        ('[rules.nan]\nlevel = "note"', "there is no rule 'nan'"),
        ('[rules.non-finite]\nlevels = "note"', "does not know 'levels'"),
        ('[rules.non-finite]\nlevel = "error"', "level is none of"),
        ("[rules.non-finite]\nlevel = 2", "level is none of"),
        ("[rules.non-finite]\nthreshold = 2", "has no threshold"),
        ("[rules.zero-share]\nthreshold = -1", "no positive number"),
        ("[rules.zero-share]\nthreshold = true", "no positive number"),
        ("[rules.zero-share]\nthreshold = nan", "no positive number"),
        ('accept = "all"', "no list of tables"),
        ('[[accept]]\nrule = "non-finite"', "needs a reason"),
        ('[[accept]]\nreason = "so"', "needs a rule"),
        ('[[accept]]\nrule = "nan"\nreason = "so"', "there is no rule 'nan'"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\ntensor = 3', "no text"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\nuntil = "2027"', "no date"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\nuntil = 2027-01-01T00:00:00', "no date"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\nwhen = 3', "does not know 'when'"),
        ("[rules", "is no TOML"),
        ("\udcff", "is no TOML"),
    ],
)
def test_a_rules_file_with_a_mistake_is_refused_whole(healthy, tmp_path, text, told):
    path = tmp_path / "rules.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RulesError, match=re.escape(told)):
        read_rules(path)
    done = run(healthy, "--rules", path)
    assert done.exit_code == 1 and len(done.stderr.splitlines()) <= 2 and told in done.stderr


def test_a_rules_file_that_cannot_be_read(tmp_path):
    with pytest.raises(RulesError, match="cannot be read"):
        read_rules(tmp_path)
    (tmp_path / "long.toml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(RulesError, match="too long"):
        read_rules(tmp_path / "long.toml")


def test_acceptances_are_told_in_the_first_lines(with_nan, rules):
    yesterday = date.today() - timedelta(days=1)
    entry = '[[accept]]\nrule = "{}"\nreason = "known"\n'
    accepted = rules(entry.format("non-finite") + entry.format("all-zero"))
    done = run(with_nan, "--rules", accepted)
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert re.fullmatch(
        r"No fault found(; \d+ notes?)?; accepted by the rules file: 1 fault", lines[1]
    )
    assert "the rules file: its entry for all-zero accepts nothing" in lines[:6]
    expired = rules(entry.format("non-finite") + f"until = {yesterday}\n")
    done = run(with_nan, "--rules", expired)
    assert done.exit_code == 4
    assert f"the rules file: its entry for non-finite ended on {yesterday}" in done.stdout
    document = json.loads(run(with_nan, "--rules", expired, "--format", "json").stdout)
    (unused,) = document["unused_acceptances"]
    assert (unused["rule"], unused["until"], unused["why"]) == (
        "non-finite",
        str(yesterday),
        "expired",
    )
