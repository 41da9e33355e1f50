"""Modules of PyTorch give what the checkpoints saved of them give."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

import weightgauge as wg  # noqa: E402
from weightgauge.errors import LiveModelError, UnsupportedDtypeError  # noqa: E402
from weightgauge.scanning import open_slices  # noqa: E402
from weightgauge.scanning.live import live_checkpoint  # noqa: E402

SMALL = {
    **{"vocab_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4},
    **{"hidden_size": 32, "intermediate_size": 48, "max_position_embeddings": 32},
}


def llama(**more):
    from transformers import LlamaConfig, LlamaForCausalLM

    return LlamaForCausalLM(LlamaConfig(**SMALL, num_key_value_heads=2, **more))


def gpt2():
    from transformers import GPT2Config, GPT2LMHeadModel

    return GPT2LMHeadModel(GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4))


def gpt_neox():
    from transformers import GPTNeoXConfig, GPTNeoXForCausalLM

    return GPTNeoXForCausalLM(GPTNeoXConfig(**SMALL))


def bert():
    from transformers import BertConfig, BertForMaskedLM

    return BertForMaskedLM(BertConfig(**SMALL))


def t5():
    from transformers import T5Config, T5ForConditionalGeneration

    return T5ForConditionalGeneration(
        T5Config(vocab_size=64, d_model=32, d_kv=8, d_ff=48, num_layers=2, num_heads=4)
    )


def mixtral():
    from transformers import MixtralConfig, MixtralForCausalLM

    return MixtralForCausalLM(MixtralConfig(**SMALL, num_key_value_heads=2, num_local_experts=4))


def assert_same(model, folder, per):
    path = str(folder)
    assert wg.fit(model, per=per).to_dicts() == wg.fit(path, per=per).to_dicts()
    of_model, of_file = wg.scan(model, per=per), wg.scan(path, per=per)
    assert [each.fit.to_dict() for each in of_model.slices] == [
        each.fit.to_dict() for each in of_file.slices
    ]
    assert of_model.architecture == of_file.architecture
    assert of_model.tensors == of_file.tensors


@pytest.mark.parametrize("per", ["tensor", "head"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    "make",
    [llama, lambda: llama(tie_word_embeddings=True), gpt2, gpt_neox, bert, t5, mixtral],
    ids=["llama", "tied llama", "gpt2", "gpt_neox", "bert", "t5", "mixtral"],
)
def test_models_of_transformers_give_what_they_save(make, dtype, per, tmp_path):
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = make().to(dtype)
    if make in (gpt_neox, mixtral):  # `save_pretrained` gives these other names and shapes
        from safetensors.torch import save_file

        save_file(model.state_dict(), tmp_path / "model.safetensors")
        model.config.save_pretrained(tmp_path)
    else:
        model.save_pretrained(tmp_path)
    assert_same(model, tmp_path, per)


class Tied(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(64, 32)
        self.body = nn.Sequential(nn.Linear(32, 32), nn.BatchNorm1d(32), nn.LSTM(32, 32))
        self.head = nn.Linear(32, 64, bias=False)
        self.head.weight = self.embed.weight
        self.register_buffer("saved", torch.randn(16, 16))
        self.register_buffer("unsaved", torch.randn(16, 16), persistent=False)


def test_a_module_gives_what_safetensors_saves_of_it(tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    model = Tied()
    state = {name: value for name, value in model.state_dict().items() if name != "head.weight"}
    save_file(state, tmp_path / "model.safetensors")
    assert_same(model, tmp_path, "tensor")
    assert_same(model.state_dict(), tmp_path, "tensor")
    names = [tensor.name for tensor in live_checkpoint(model).tensors]
    assert "unsaved" not in names and "saved" in names and "head.weight" not in names


@pytest.mark.parametrize(
    "dtype",
    [
        *(torch.float64, torch.float32, torch.float16, torch.bfloat16),
        *(torch.float8_e4m3fn, torch.float8_e5m2, torch.float8_e4m3fnuz, torch.float8_e5m2fnuz),
    ],
)
def test_every_format_is_read(dtype, tmp_path):
    from safetensors.torch import save_file

    torch.manual_seed(0)
    state = {"a.weight": torch.randn(48, 40).to(dtype), "ids": torch.arange(4)}
    save_file(state, tmp_path / "model.safetensors")
    assert_same(state, tmp_path, "tensor")


def test_tensors_are_read_where_they_lie():
    linear = nn.Linear(40, 30)
    tensor = linear.weight.t()
    subject = open_slices({"weight": tensor})
    (shard,) = subject.checkpoint.shards
    assert shard.source(as_it_lies=True).address == tensor.data_ptr()
    assert wg.fit({"weight": tensor}).to_dicts()[0]["n"] == 1200


def test_expanded_tensors_count_as_they_would_be_saved():
    row = torch.randn(1, 400)
    fit = wg.fit({"weight": row.expand(3, 400)}).slices[0]
    assert fit.n == 1200 and fit.shape == (3, 400)
    assert fit.k == wg.fit_weibull(row.repeat(3, 1)).k


@pytest.mark.filterwarnings("ignore")
def test_wrappers_change_nothing():
    pytest.importorskip("transformers")
    torch.manual_seed(0)
    model = llama()
    plain = wg.fit(model)
    compiled = torch.compile(model)
    parallel = nn.Module()
    parallel.add_module("module", compiled)  # as DistributedDataParallel holds it
    for wrapped in (compiled, parallel):
        found = wg.fit(wrapped)
        assert found.to_dicts() == plain.to_dicts()
        assert found.architecture == plain.architecture
        assert found.model == "LlamaForCausalLM"


def test_checkpointed_blocks_change_nothing():
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    class Net(nn.Module):
        def __init__(self, wrap):
            super().__init__()
            self.h = nn.ModuleList(wrap(nn.Linear(32, 32)) for _ in range(2))

    torch.manual_seed(0)
    plain = Net(lambda block: block)
    torch.manual_seed(0)
    wrapped = Net(checkpoint_wrapper)
    assert any(
        "_checkpoint_wrapped_module" in name for name in wrapped.state_dict(keep_vars=True)
    ) or (any("_checkpoint_wrapped_module" in name for name, _ in wrapped.named_modules()))
    assert wg.fit(wrapped).to_dicts() == wg.fit(plain).to_dicts()


def test_the_layers_that_an_adapter_changes_keep_their_kinds():
    state = {
        "base_model.model.model.layers.0.self_attn.q_proj.base_layer.weight": torch.randn(32, 32),
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.default.weight": torch.randn(
            4, 32
        ),
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.default.weight": torch.randn(
            32, 4
        ),
        "base_model.model.model.layers.0.mlp.up_proj.weight": torch.randn(64, 32),
    }
    found = {(item.tensor, item.part): item for item in wg.fit(state).slices}
    q = found["model.layers.0.self_attn.q_proj.weight", None]
    assert (q.kind, q.block) == ("q", 0)
    assert any(part == "ba" for _, part in found)


def test_tensors_without_values_are_named():
    with torch.device("meta"):
        model = nn.Linear(4, 4)
    with pytest.raises(LiveModelError, match="'weight' lies on the meta device"):
        wg.fit(model)
    with pytest.raises(LiveModelError, match="'weight' is a UninitializedParameter"):
        wg.fit(nn.LazyLinear(4))
    with pytest.raises(UnsupportedDtypeError, match="'a' has the layout torch"):
        wg.fit({"a": torch.eye(4).to_sparse()})
    with pytest.raises(UnsupportedDtypeError, match="'a' has the dtype complex128"):
        wg.fit({"a": torch.zeros(4, dtype=torch.complex128)})
    with pytest.raises(LiveModelError, match="'optimizer' is a dict"):
        wg.fit({"model": torch.zeros(3), "optimizer": {"state": 1}})


def test_parameters_that_were_flattened_are_refused():
    model = nn.Module()
    model.register_parameter("_flat_param", nn.Parameter(torch.zeros(12)))
    with pytest.raises(LiveModelError, match="flattened by FullyShardedDataParallel"):
        wg.fit(model)


class Far:
    """A tensor on a device, as far as it can be asked without one; says when it is copied."""

    copies = 0
    held = 0

    def __init__(self, tensor):
        self._tensor = tensor
        self.dtype, self.shape = tensor.dtype, tensor.shape
        self.device = torch.device("cuda", 0)
        self.layout = tensor.layout

    def detach(self):
        return self

    def element_size(self):
        return self._tensor.element_size()

    def stride(self):
        return self._tensor.stride()

    def numel(self):
        return self._tensor.numel()

    def data_ptr(self):
        return self._tensor.data_ptr()

    def to(self, device):
        assert device == "cpu"
        Far.copies += 1
        return self._tensor.clone()


def parted(row):
    """Part a row from what is summed by rows and columns: if turned, in another order."""
    names = ("k_se_matrix", "ln_lambda_se_matrix", "fresh_z")
    rest = {name: row[name] for name in row if name not in (*names, "spread")}
    return rest, [*(row[name] for name in names), *row["spread"].values()]


def test_tensors_on_a_device_are_copied_once_each_a_few_at_a_time(monkeypatch):
    from weightgauge.scanning import checkpoint_slices

    torch.manual_seed(0)
    near = {f"model.layers.{i}.self_attn.q_proj.weight": torch.randn(64, 64) for i in range(8)}
    near["turned.weight"] = torch.randn(32, 64).t()
    far = {name: Far(tensor) for name, tensor in near.items()}
    monkeypatch.setattr(checkpoint_slices, "_BATCH_BYTES", 1 << 18)
    sizes = []
    real = checkpoint_slices.scan_slices

    def counted(checkpoint, batch, *rest, **more):
        sizes.append(sum(item.tensor.nbytes for item in batch))
        return real(checkpoint, batch, *rest, **more)

    monkeypatch.setattr(checkpoint_slices, "scan_slices", counted)
    Far.copies = 0
    found, wanted = wg.fit(far).to_dicts(), wg.fit(near).to_dicts()
    assert found[:-1] == wanted[:-1] and found[-1]["tensor"] == "turned.weight"
    (last, sums), (wanted_last, wanted_sums) = parted(found[-1]), parted(wanted[-1])
    assert last == wanted_last and sums == pytest.approx(wanted_sums, rel=1e-5)
    assert Far.copies == len(far)
    assert len(sizes) > 2 and max(sizes[:-1]) < sum(sizes) / 2
    assert wg.diagnose(far).to_dicts() == wg.diagnose(near).to_dicts()
    assert [pair.changed for pair in wg.compare(far, near).pairs] == [0.0] * len(near)
