"""The package's exceptions: their classes, their messages, and that messages are harmless."""

from __future__ import annotations

import pickle
import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from package_modules import package_modules
from weightgauge import errors
from weightgauge.errors import (
    CheckpointError,
    all_harmless,
    all_printable,
    harmless,
    printable,
)

PARENTS: dict[str, tuple[type[BaseException], ...]] = {
    "CheckpointError": (ValueError,),
    "HeaderError": (CheckpointError,),
    "IndexFileError": (CheckpointError,),
    "ConfigError": (CheckpointError,),
    "NotACheckpointError": (CheckpointError,),
    "ModelNotFoundError": (FileNotFoundError,),
    "HubError": (OSError,),
    "HubUnreachableError": (OSError,),
    "FileChangedError": (OSError,),
    "NothingSelectedError": (ValueError,),
    "NothingToDrawError": (ValueError,),
    "UnsupportedDtypeError": (TypeError,),
    "HistogramFileError": (ValueError,),
    "NeedsWeightsError": (ValueError,),
    "OtherModelError": (ValueError,),
    "OutputError": (OSError,),
    "OutputExistsError": (FileExistsError,),
    "MissingExtraError": (ImportError,),
}


@pytest.mark.parametrize("name", PARENTS)
def test_every_error_can_be_caught_as_ours_and_as_the_usual_kind(name: str) -> None:
    kind = getattr(errors, name)
    parents: list[type[BaseException]] = [errors.WeightgaugeError, *PARENTS[name]]
    for parent in parents:
        assert issubclass(kind, parent)
    assert str(kind("problem")) == "problem"


@pytest.mark.parametrize("name", PARENTS)
def test_errors_survive_being_sent_to_another_process(name: str) -> None:
    error = getattr(errors, name)("problem")
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is type(error)
    assert str(copy) == str(error)


def test_checkpoint_error_names_file_tensor_and_byte() -> None:
    error = errors.HeaderError("is wrong", path="/m/a.safetensors", tensor="h.0.w", offset=17)
    assert (error.path, error.tensor, error.offset) == ("/m/a.safetensors", "h.0.w", 17)
    for part in ("/m/a.safetensors", "h.0.w", "is wrong", "17"):
        assert part in str(error)
    copy = pickle.loads(pickle.dumps(error))
    assert (copy.path, copy.tensor, copy.offset) == (error.path, error.tensor, error.offset)
    assert str(copy) == str(error)


def test_checkpoint_error_is_inert() -> None:
    error = CheckpointError("is wrong", path="/a\x1b]0;x\x07", tensor="\u202e" * 10_000)
    assert error.tensor == "\u202e" * 10_000
    assert str(error).isprintable()
    assert len(str(error)) < 1500


@pytest.mark.parametrize("kind", [errors.HubError, errors.ModelNotFoundError])
def test_hint_is_part_of_the_message(kind: type[errors.HubError]) -> None:
    error = kind("it is gone", hint="Look elsewhere.")
    assert error.hint == "Look elsewhere."
    assert "it is gone" in str(error)
    assert "Look elsewhere." in str(error)


def test_missing_extra_names_what_to_install() -> None:
    error = errors.MissingExtraError("pandas", "pandas")
    assert "weightgauge[pandas]" in str(error)


@pytest.mark.parametrize(
    "text", ["h.0.attn.weight", "", "größe.权重", "a b", "<script>", "=1+1", "🙂"]
)
def test_harmless_names_are_shown_as_they_are(text: str) -> None:
    assert printable(text) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", r"\x1b[31m"),
        ("a\x00b", r"a\x00b"),
        ("\n\t\r", r"\x0a\x09\x0d"),
        ("\u202egpj", r"\u202egpj"),
        ("\u2066x\u2069", r"\u2066x\u2069"),
        ("\u200b", r"\u200b"),
        ("\ud800", r"\ud800"),
        ("\U000e0041", r"\U000e0041"),
        ("\x9b31m", r"\x9b31m"),
        (r"\x1b", r"\\x1b"),
    ],
)
def test_dangerous_characters_become_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown


@settings(deadline=None)
@given(
    st.text(st.characters(), max_size=400) | st.text(st.characters(categories=["Cf", "Cc", "Co"]))
)
def test_result_is_printable_and_short_for_any_text(text: str) -> None:
    shown = printable(text)
    assert len(shown) <= 200
    assert shown.isprintable()
    assert not any(unicodedata.category(c) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for c in shown)
    shown.encode()


@settings(deadline=None)
@given(st.text(max_size=15), st.text(max_size=15))
def test_different_short_names_are_shown_differently(one: str, other: str) -> None:
    assert (printable(one) == printable(other)) == (one == other)


def test_long_name_keeps_head_tail_and_length() -> None:
    shown = printable("head" + "x" * 999_992 + "tail")
    assert shown.startswith("head")
    assert shown.endswith("tail")
    assert "1,000,000" in shown
    assert len(shown) <= 200


def test_shortened_name_shows_no_character_twice() -> None:
    text = "".join(chr(0x4E00 + i) for i in range(190)) + "\x00" * 10
    shown = printable(text)
    assert len(shown) <= 200
    assert len(set(shown) & set(text)) == sum(character in text for character in shown)


def test_every_error_of_the_package_is_in_one_module() -> None:
    ours = {value for value in vars(errors).values() if isinstance(value, type)}
    assert len(list(package_modules())) > 100
    found = [errors.WeightgaugeError]
    for kind in found:
        found += kind.__subclasses__()
    assert len(found) > 10
    assert [kind.__name__ for kind in found if kind not in ours] == []


@pytest.mark.parametrize("odd", ["", "a\\b", "\x1b[31m", "\u202eg", "größe", "x" * 300])
def test_many_texts_are_shown_as_each_alone(odd: str) -> None:
    for texts in ([], [odd], ["a", "b"], ["a"] * 5000 + [odd] + ["b"] * 5000):
        assert all_printable(texts) == list(map(printable, texts))
        assert list(all_harmless(texts)) == list(map(harmless, texts))
