"""Whatever bytes lie beside the weights: a command answers, or says in one line what is wrong.

Each file is taken apart in two ways. Its bytes are damaged, so that texts are cut, spelled oddly or
no texts at all; and one value anywhere in it is replaced by a value that nobody expects there.
"""

from __future__ import annotations

import copy
import json
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weightgauge as wg
from builders import safetensors_bytes
from kept_models import run
from packed_matrices import Quantised, as_stored
from weightgauge.errors import HistogramFileError, WeightgaugeError
from weightgauge.health.rules_file import read_rules
from weightgauge.magnitudes.histogram import MagnitudeHistogram
from weightgauge.trajectory.settings_sources import run_settings

BUG = 70

WEIGHT = "model.layers.0.self_attn.q_proj.weight"
ONLY = "model-1-of-1.safetensors"
SHAPES = {
    "model.embed_tokens.weight": [32, 8],
    WEIGHT: [8, 8],
    "model.layers.0.self_attn.qkv_proj.weight": [24, 8],
    "model.layers.0.mlp.gate_up_proj.weight": [32, 8],
    "model.layers.0.mlp.down_proj.bias": [8],
    "model.norm.weight": [8],
    "lm_head.weight": [32, 8],
}
MODEL = safetensors_bytes(
    {
        name: ("F32", shape, np.arange(np.prod(shape), dtype="<f4").tobytes())
        for name, shape in SHAPES.items()
    }
)
FACTORS = safetensors_bytes(
    {
        f"base_model.model.{WEIGHT[:-7]}.lora_{side}.weight": ("F32", shape, bytes(64))
        for side, shape in (("A", [2, 8]), ("B", [8, 2]))
    }
)
PACKED = safetensors_bytes(
    {
        f"{module}.{name}": as_stored(array)
        for module, tensors in (
            ("model.layers.0.mlp.up_proj", Quantised(16, 32, 16).gptq()),
            ("model.layers.0.mlp.down_proj", Quantised(16, 32, 16).compressed()),
        )
        for name, array in tensors.items()
    }
)


class Beside(NamedTuple):
    """A file beside weights, a document that it may hold, and what reads it."""

    name: str
    document: dict[str, Any]
    weights: str = "model.safetensors"
    command: str = "fit"


FILES = {
    "index": Beside(
        "model.safetensors.index.json",
        {"metadata": {"total_size": 256}, "weight_map": dict.fromkeys(SHAPES, ONLY)},
        weights=ONLY,
    ),
    "config": Beside(
        "config.json",
        {
            "model_type": "llama",
            "architectures": ["LlamaForCausalLM"],
            "hidden_size": 8,
            "intermediate_size": 16,
            "num_attention_heads": 2,
            "num_key_value_heads": 2,
            "num_hidden_layers": 1,
            "vocab_size": 32,
            "tie_word_embeddings": True,
            "quantization_config": {"quant_method": "fp8", "weight_block_size": [4, 4]},
        },
    ),
    "adapter": Beside(
        "adapter_config.json",
        {
            "peft_type": "LORA",
            "r": 2,
            "lora_alpha": 4,
            "target_modules": ["q_proj"],
            "rank_pattern": {"q_proj": 2},
            "alpha_pattern": {"q_proj": 8},
            "use_rslora": False,
        },
        weights="adapter_model.safetensors",
    ),
    "quantiser": Beside(
        "quantize_config.json",
        {
            "quant_method": "gptq",
            **{"bits": 4, "group_size": 16, "desc_act": False, "checkpoint_format": "gptq"},
            "dynamic": {"+:.*up_proj": {"group_size": 16}, "-:.*x.*": {}},
            "extra_config": {"model.layers.0.mlp.up_proj": {"bits": 4}},
            "config_groups": {
                "g": {"targets": ["re:.*down.*", "Linear"], "weights": {"num_bits": 4}}
            },
        },
        weights="packed.safetensors",
    ),
    "state": Beside(
        "trainer_state.json",
        {
            "global_step": 20,
            "max_steps": 40,
            "log_history": [{"step": 10, "learning_rate": 1e-3}, {"step": 20, "loss": 1.5}],
        },
        command="track",
    ),
    "arguments": Beside(
        "training_args.json",
        {
            "optim": "adamw_torch",
            "learning_rate": 1e-3,
            "weight_decay": 0.1,
            "max_steps": 40,
            "warmup_ratio": 0.1,
            "lr_scheduler_type": "cosine_with_min_lr",
            "lr_scheduler_kwargs": {"min_lr": 1e-4},
        },
        command="track",
    ),
}

ODD = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([0, -1, 2**31, 2**63, 2**64, 10**29, 10**299, 10**308, 5e-324, 1e308, -0.0])
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=6)
    | st.sampled_from(["\x1b[31m", "../../x", "/dev/zero", "a" * 3000, "model.safetensors", "."])
    | st.recursive(
        st.integers(-2, 9) | st.text(max_size=3) | st.none(),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
        max_leaves=6,
    )
)
PIECES = st.sampled_from(
    [
        *(b'"', b"{", b"}", b"[", b"]", b",", b":", b"=", b"#", b"\n", b"\\u", b"\\ud800", b"\x00"),
        *(
            b"\xff",
            b"\xc3",
            b"\xef\xbb\xbf",
            b"-",
            b"1e999",
            b"NaN",
            b"9" * 400,
            b"[" * 2000,
            b"null",
        ),
    ]
)


def places(document: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where there is a value, from the outside in."""
    inner = {dict: dict.items, list: enumerate}.get(type(document), lambda _: ())(document)
    return [path, *(place for key, value in inner for place in places(value, (*path, key)))]


def replaced(document: Any, path: tuple[Any, ...], value: Any) -> Any:
    """Return a document with another value in one place."""
    if not path:
        return value
    changed = copy.copy(document)
    changed[path[0]] = replaced(document[path[0]], path[1:], value)
    return changed


@st.composite
def damaged(draw: st.DrawFn, text: bytes) -> bytes:
    """Bytes put in, left out or repeated, a few times."""
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(text)))
        put = draw(PIECES | st.binary(max_size=3))
        text = text[:at] + put + text[at + draw(st.integers(0, 12)) :]
    return text


def contents(document: Any) -> st.SearchStrategy[bytes]:
    """Texts of a document in which something is wrong, or nothing."""
    text = json.dumps(document).encode()
    return (
        st.tuples(st.sampled_from(places(document)), ODD).map(
            lambda change: json.dumps(replaced(document, *change)).encode(errors="replace")
        )
        | damaged(text)
        | st.binary(max_size=40)
    )


def answers(command: str, *arguments: object) -> None:
    """A command ends as it should, and what it prints is inert and told in few words."""
    result = run(command, *arguments)
    assert result.exit_code != BUG, (result.stderr, result.exception)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert "\x1b" not in result.output
    assert "Traceback" not in result.output


@pytest.mark.parametrize("file", FILES.values(), ids=FILES)
def test_any_bytes_beside_weights(file: Beside, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("model") / "step-20"
    folder.mkdir()
    others = {"adapter_model.safetensors": FACTORS, "packed.safetensors": PACKED}
    (folder / file.weights).write_bytes(others.get(file.weights, MODEL))

    @settings(max_examples=80)
    @given(contents(file.document))
    @example(json.dumps(file.document).encode())
    @example(b"")
    @example(b"[" * 100_000)
    @example(b'{"a":' + b"9" * 5000 + b"}")
    def check(content: bytes) -> None:
        (folder / file.name).write_bytes(content)
        try:
            wg.fit(folder) if file.command == "fit" else run_settings([str(folder)])
        except WeightgaugeError as error:
            assert str(error).isprintable() or "\n" in str(error)
        answers(file.command, folder.parent if file.command == "track" else folder)

    check()


RULES = """\
[rules.zero-share]
level = "warning"
threshold = 3.5
[[accept]]
rule = "moved"
tensor = "*.weight"
reason = "known"
until = 2030-01-31
"""
RUN = """\
[training]
optimizer = "adamw"
lr = 1e-3
weight_decay = 0.1
steps = 40
warmup = 4
schedule = "cosine"
final = 0.1
"""
VALUES = st.sampled_from(
    [
        *(
            "9" * 5000,
            "0x" + "f" * 5000,
            "1e999",
            "-inf",
            "nan",
            "true",
            "''",
            "[]",
            "{}",
            "-1",
            "0",
        ),
        *("[" * 3000, "{a=" * 3000, "9999-12-31", "0001-01-01T00:00:00Z", "07:32:00", '"""', "1_0"),
    ]
)


def toml_texts(text: str) -> st.SearchStrategy[bytes]:
    """Texts of a TOML file with another value somewhere, or damaged."""
    lines = text.splitlines()
    at = st.sampled_from([i for i, line in enumerate(lines) if "=" in line])

    def with_value(change: tuple[int, str]) -> bytes:
        place, value = change
        changed = [*lines[:place], lines[place].split("=")[0] + "= " + value, *lines[place + 1 :]]
        return "\n".join(changed).encode()

    return st.tuples(at, VALUES).map(with_value) | damaged(text.encode()) | st.binary(max_size=40)


@settings(max_examples=150)
@given(content=toml_texts(RULES))
@example(content=RULES.encode())
@example(content=b"a = " + b"[" * 3000)
@example(content=b"a = " + b"9" * 5000)
@example(content=b"[rules.zero-share]\nthreshold = " + b"9" * 400)
def test_any_bytes_as_rules(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.getbasetemp() / "rules.toml"
    model = tmp_path_factory.getbasetemp() / "model.safetensors"
    path.write_bytes(content)
    model.write_bytes(MODEL)
    try:
        read_rules(path)
    except WeightgaugeError as error:
        assert "rules.toml" in str(error)
        answers("check", model, "--rules", path)


@settings(max_examples=150)
@given(content=toml_texts(RUN))
@example(content=RUN.encode())
@example(content=b"a = " + b"[" * 3000)
@example(content=b"a = " + b"9" * 5000)
@example(content=b"[training]\nlr = " + b"9" * 400)
@example(content=b"[training]\nsteps = " + b"9" * 400)
def test_any_bytes_as_settings_of_a_run(
    content: bytes, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.getbasetemp() / "run"
    folder.mkdir(exist_ok=True)
    (folder / "weightgauge.toml").write_bytes(content)
    try:
        found = run_settings([str(folder)])
    except WeightgaugeError as error:
        assert "weightgauge.toml" in str(error)
        answers("track", folder)
    else:
        for step in (0, 1, 20, 40, 10**9):
            assert found.lr is None or found.rate_sum(step) >= 0


@settings(max_examples=150)
@given(data=st.data())
def test_any_bytes_as_a_histogram(data: st.DataObject, tmp_path_factory) -> None:
    folder = tmp_path_factory.getbasetemp()
    values = np.random.default_rng(1).normal(size=300).astype(np.float32)
    path = folder / "histogram.safetensors"
    wg.magnitude_histogram(values).save(path, force=True)
    path.write_bytes(data.draw(damaged(path.read_bytes())))
    try:
        found = MagnitudeHistogram.load(path)
    except HistogramFileError as error:
        assert "histogram.safetensors" in str(error)
    else:
        assert found.n == values.size
