"""What a model lacks: which losses are told, and which models only look incomplete."""

from __future__ import annotations

import re

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from diagnosed import run

ENDS = ("model.embed_tokens.weight", "lm_head.weight")


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the rules and messages about what a model lacks."""

    def told(tensors, config):
        found = wg.diagnose(models.put(write_checkpoint, tmp_path / "m", tensors, config))
        lacks = ("missing-part", "missing-head", "missing-embedding", "missing-block")
        return [(each.id, each.message) for each in found.findings if each.id in lacks]

    return told


def llama(blocks=6, **config):
    tensors, whole = models.llama(seed=1, blocks=blocks, hidden=64, inner=96, vocab=320, kv=64)
    return tensors, whole | config


def drop(tensors, *parts, blocks=None):
    for name in list(tensors):
        inside = blocks is None or any(f".layers.{block}." in name for block in blocks)
        if inside and any(part in name for part in parts):
            del tensors[name]


def rules(found):
    return [rule for rule, _ in found]


# -- both ends


@pytest.mark.parametrize(
    ("embedding", "head"),
    [
        ("transformer.embd.wte", "lm_head.linear"),
        ("emb", "head"),
        ("model.wte", "lm_head.0"),
        ("backbone.embedding", "lm_head"),
        ("tok_emb", "lm_head"),
        ("model.token_emb", "to_logits"),
        ("model.embed", "model.unembed"),
    ],
)
@pytest.mark.parametrize("vocabulary", [320, 318, None])
def test_ends_of_unknown_names_are_there(embedding, head, vocabulary, told):
    """318 tokens are rounded up to 320 rows; without a size any unknown matrix may be an end."""
    tensors, config = llama(model_type="foo", architectures=["FooForCausalLM"])
    for old, new in zip(ENDS, (embedding, head), strict=True):
        tensors[f"{new}.weight"] = tensors.pop(old)
    config["vocab_size"] = vocabulary
    assert told(tensors, config) == []


@pytest.mark.parametrize("tied", [True, False])
def test_one_unknown_matrix_of_the_vocabulary_is_the_embedding(tied, told):
    tensors, config = llama(architectures=["FooForCausalLM"], tie_word_embeddings=tied)
    tensors["tok_emb.weight"] = tensors.pop(ENDS[0])
    del tensors[ENDS[1]]
    assert rules(told(tensors, config)) == ([] if tied else ["missing-head"])


@pytest.mark.parametrize(
    ("head", "module"),
    [
        ("SequenceClassification", "score"),
        ("TokenClassification", "classifier"),
        ("QuestionAnswering", "qa_outputs"),
        ("ImageClassification", "head.fc"),
        ("AudioClassification", "classifier.dense"),
        ("CTC", "lm_head"),
    ],
)
def test_what_classifies_has_a_head_in_every_family(head, module, told):
    tensors, config = llama(model_type="foo", architectures=[f"FooFor{head}"])
    del tensors[ENDS[1]]
    there = tensors | {f"{module}.weight": np.resize(tensors[ENDS[0]], (2, 64))}
    assert told(there, config) == []
    assert told(tensors, config) == [
        ("missing-head", f"there is no output head; FooFor{head} has one")
    ]
    assert told(tensors, config | {"architectures": ["FooForObjectDetection"]}) == []
    # A program that comes with the model may do without, and an unknown matrix may be the head.
    assert told(tensors, config | {"auto_map": {"AutoModel": "foo.FooModel"}}) == []
    unknown = tensors | {"fc.weight": np.resize(tensors[ENDS[0]], (2, 64))}
    assert told(unknown, config) == []


def test_other_matrices_outside_the_blocks_are_no_ends(told):
    tensors, config = llama()
    drop(tensors, *ENDS)
    tensors["model.connector.weight"] = np.ones((64, 32), models.BF16)
    assert sorted(rules(told(tensors, config))) == ["missing-embedding", "missing-head"]


@pytest.mark.parametrize("lost", [ENDS[1:], ENDS, (*ENDS, "model.norm.weight")])
def test_what_is_saved_without_the_name_of_its_model_needs_no_ends(lost, told):
    tensors, config = llama()
    drop(tensors, *lost)
    assert told(tensors, config) != []
    assert told({name.removeprefix("model."): each for name, each in tensors.items()}, config) == []


def test_models_whose_norms_have_no_weights_lack_none(told):
    tensors, config = llama(model_type="olmo")
    drop(tensors, "norm")
    assert told(tensors, config) == []


@pytest.mark.parametrize("prefix", ["", "transformer."])
@pytest.mark.parametrize("lost", ["wte", "wpe"])
def test_gpt2_without_an_embedding(prefix, lost, told):
    tensors, config = models.gpt2(seed=1)
    tensors = {f"{prefix}{name}": each for name, each in tensors.items()}
    assert told(tensors, config) == []
    del tensors[f"{prefix}{lost}.weight"]
    ((rule, message),) = told(tensors, config)
    assert rule == "missing-embedding"
    wanted = "there is no token embedding, which is also the output head"
    if lost == "wpe":
        wanted = (
            f"{prefix}wpe.weight: missing; a model of this family has an embedding of positions"
        )
    assert message == wanted


def test_a_head_that_is_stored_is_the_embedding_that_it_is_tied_to(told):
    tensors, config = models.gpt2(seed=1)
    tensors["lm_head.weight"] = tensors.pop("wte.weight")
    assert told(tensors, config | {"tie_word_embeddings": True}) == []


def bert():
    rng = np.random.default_rng(0)
    tensors, embeddings = {}, "bert.embeddings."
    for name, rows in (("word", 320), ("position", 64), ("token_type", 2)):
        tensors[f"{embeddings}{name}_embeddings.weight"] = models.normal(rng, rows, 64)
    for block in range(4):
        layer = f"bert.encoder.layer.{block}."
        for name in ("self.query", "self.key", "self.value", "output.dense"):
            tensors[f"{layer}attention.{name}.weight"] = models.normal(rng, 64, 64)
        tensors[f"{layer}attention.output.LayerNorm.weight"] = np.ones(64)
        tensors[f"{layer}intermediate.dense.weight"] = models.normal(rng, 96, 64)
        tensors[f"{layer}output.dense.weight"] = models.normal(rng, 64, 96)
        tensors[f"{layer}output.LayerNorm.weight"] = np.ones(64)
    head = "cls.predictions."
    tensors[f"{head}transform.dense.weight"] = models.normal(rng, 64, 64)
    tensors[f"{head}transform.dense.bias"] = np.zeros(64)
    tensors[f"{head}transform.LayerNorm.weight"] = np.ones(64)
    tensors[f"{head}bias"] = np.zeros(320)
    config = {"model_type": "bert", "architectures": ["BertForMaskedLM"], "vocab_size": 320}
    return {name: each.astype(models.BF16) for name, each in tensors.items()}, config


@pytest.mark.parametrize("architecture", ["BertForMaskedLM", "BertModel", None])
def test_bert_without_an_embedding(architecture, told):
    tensors, config = bert()
    config = config | {"architectures": [architecture]} if architecture else None
    assert told(tensors, config) == []
    words = tensors.pop("bert.embeddings.word_embeddings.weight")
    ((rule, message),) = told(tensors, config)
    assert rule == "missing-embedding" and message.startswith("there is no token embedding")
    tensors["bert.embeddings.word_embeddings.weight"] = words
    del tensors["bert.embeddings.position_embeddings.weight"]
    assert rules(told(tensors, config)) == (["missing-embedding"] if config else [])


@pytest.mark.parametrize(
    "extra", [{"position_embedding_type": "alibi"}, {"auto_map": {"AutoModel": "a.B"}}]
)
def test_positions_that_are_no_weights(extra, told):
    tensors, config = bert()
    del tensors["bert.embeddings.position_embeddings.weight"]
    assert told(tensors, config | extra) == []


def test_positions_of_pictures_need_no_tokens(told):
    tensors, _ = bert()
    del tensors["bert.embeddings.word_embeddings.weight"]
    tensors["bert.embeddings.patch_embeddings.projection.weight"] = np.ones(
        (64, 3, 4, 4), models.BF16
    )
    assert told(tensors, None) == []


# -- blocks


def test_blocks_that_begin_behind_an_embedding(write_checkpoint, tmp_path):
    """Blocks may also be counted from one, so that it is a warning."""
    tensors, _ = llama()
    drop(tensors, "", blocks=(0,))
    found = wg.fit(models.put(write_checkpoint, tmp_path / "m", tensors, None)).findings
    ((level, message),) = [(e.level, e.message) for e in found if e.id == "missing-block"]
    assert level == "warning"
    assert message == "model.layers: block 0 missing, 5 there; or blocks are counted from 1"


@pytest.mark.parametrize("lost", [(0,), (0, 1), (0, 1, 2)])
def test_the_later_blocks_of_a_model_are_a_part_of_it(lost, told):
    tensors, _ = llama()
    drop(tensors, "embed")
    drop(tensors, "", blocks=lost)
    assert told(tensors, None) == []


@pytest.mark.parametrize(
    ("lost", "words"),
    [((2, 3), "2 and 3"), ((0, 3), "0 and 3"), ((1, 2, 3), "1 to 3"), ((1, 3, 4), "1, 3 and 4")],
)
def test_numbers_of_blocks_have_one_style(lost, words, told):
    tensors, config = llama(blocks=8)
    drop(tensors, "", blocks=lost)
    ((rule, message),) = told(tensors, config)
    assert rule == "missing-block" and f"blocks {words} missing, " in message


@pytest.mark.parametrize(
    ("blocks", "lost"),
    [(2, (0,)), (3, (0,)), (3, (1,)), (3, (2,)), (5, (1, 3)), (6, (1, 3, 5)), (6, (0, 2, 4))],
)
def test_a_number_of_blocks_that_is_stated_is_believed(blocks, lost, told):
    """Also where those that are left lie as far apart as every second one does."""
    tensors, config = llama(blocks=blocks)
    drop(tensors, ".", blocks=lost)
    ((_, message),) = [each for each in told(tensors, config) if each[0] == "missing-block"]
    assert f"{blocks - len(lost)} there; config.json says num_hidden_layers = {blocks}" in message


def test_numbers_in_steps_are_no_loss_where_there_are_as_many_as_stated(told):
    tensors, config = llama(blocks=3)
    tensors = {
        re.sub(r"layers\.(\d+)", lambda number: f"layers.{2 * int(number[1])}", name): values
        for name, values in tensors.items()
    }
    assert "missing-block" not in rules(told(tensors, config))


@pytest.mark.parametrize(
    ("lost", "words"), [((0, 4, 7), "0, 4 and 7"), ((6, 7), "6 and 7"), ((0,), "0")]
)
def test_the_line_about_the_model_says_how_many_blocks_are_there(
    lost, words, write_checkpoint, tmp_path
):
    tensors, config = llama(blocks=8)
    drop(tensors, "", blocks=lost)
    text = run("diagnose", models.put(write_checkpoint, tmp_path / "m", tensors, config)).stdout
    which = "block" if len(lost) == 1 else "blocks"
    assert f"{which} {words} missing, {8 - len(lost)} there" in text
    assert f"llama; {8 - len(lost)} of 8 blocks; " in text


# -- parts of blocks

V, K, MLP = "self_attn.v_proj", "self_attn.k_proj", ".mlp."


@pytest.mark.parametrize("lost", [(1,), (5,), (1, 2), (0, 4), (1, 2, 3), (0, 1, 2), (3, 4, 5)])
def test_up_to_half_of_the_blocks_lack_their_values(lost, told):
    tensors, config = llama()
    drop(tensors, V, blocks=lost)
    ((rule, message),) = told(tensors, config)
    assert rule == "missing-part"
    assert f"model.layers.{lost[0]}.self_attn.v_proj" in message


@pytest.mark.parametrize(
    ("part", "what"), [(V, "no block has the values"), ("down_proj", "no block has the way down")]
)
def test_no_block_has_what_the_others_are_useless_without(part, what, told):
    tensors, config = llama()
    drop(tensors, part)
    ((rule, message),) = told(tensors, config)
    assert rule == "missing-part"
    assert what in message


def test_a_matrix_of_unknown_name_may_be_what_is_needed(told):
    tensors, config = llama()
    for block in range(6):
        layer = f"model.layers.{block}.self_attn."
        tensors[f"{layer}worth.weight"] = tensors.pop(f"{layer}v_proj.weight")
    assert told(tensors, config) == []


def test_keys_may_be_values_as_well(told):
    tensors, config = llama(attention_k_eq_v=True)
    drop(tensors, V)
    assert told(tensors, config) == []


@pytest.mark.parametrize("lost", [(2, 5), (1, 3, 5), (0, 3), (1, 4)])
def test_blocks_at_a_fixed_distance_are_of_another_kind(lost, told):
    tensors, config = llama()
    drop(tensors, MLP, blocks=lost)
    assert told(tensors, config) == []


@pytest.mark.parametrize("lost", [(5,), (4, 5)])
def test_the_last_blocks_may_share_keys_and_values(lost, told):
    tensors, config = llama()
    for block in range(6):
        tensors[f"model.layers.{block}.self_attn.k_norm.weight"] = np.ones(8, models.BF16)
    drop(tensors, K, V, "k_norm", blocks=lost)
    assert told(tensors, config) == []


@pytest.mark.parametrize("lost", [K, V])
def test_blocks_do_not_share_keys_or_values_alone(lost, told):
    """A second attention in the block has both, so the block as a whole lacks neither."""
    tensors, config = llama()
    for block in range(6):
        for part in "qkvo":
            name = f"model.layers.{block}.{{}}.{part}_proj.weight"
            tensors[name.format("encoder_attn")] = tensors[name.format("self_attn")]
    assert told(tensors, config) == []
    drop(tensors, f"encoder_attn.{lost.rpartition('.')[2]}", blocks=(5,))
    assert rules(told(tensors, config)) == ["missing-part"]


def test_blocks_in_the_middle_do_not_share_keys_and_values(told):
    tensors, config = llama()
    drop(tensors, K, V, blocks=(2, 3))
    assert rules(told(tensors, config)) == ["missing-part"]


@pytest.mark.parametrize("extra", [(4, 5, 6, 7), (3, 4, 5, 6, 7)])
def test_the_last_blocks_alone_may_have_attention_to_a_second_input(extra, told):
    tensors, config = llama(blocks=8)
    for block in extra:
        for part in "qkvo":
            name = f"model.layers.{block}.{{}}.{part}_proj.weight"
            tensors[name.format("crossattention")] = tensors[name.format("self_attn")]
    assert told(tensors, config) == []


def test_the_first_block_may_do_without_a_norm_and_all_but_one_without_a_bias(told):
    tensors, config = llama()
    drop(tensors, "input_layernorm", blocks=(0,))
    tensors["model.layers.2.self_attn.q_proj.bias"] = np.ones(64, models.BF16)
    assert told(tensors, config) == []


def test_norms_that_some_stages_alone_have(told):
    """Stages that reduce the sequence have a norm for that, and the last one does not reduce it."""
    tensors = {}
    for stage in range(4):
        for block in range(2):
            layer = f"encoder.block.{stage}.{block + 2 * stage}.attention"
            for name in ("self.query", "self.key", "self.value", "output.dense"):
                tensors[f"{layer}.{name}.weight"] = np.ones((32, 32), models.BF16)
            if stage < 3:
                tensors[f"{layer}.self.layer_norm.weight"] = np.ones(32, models.BF16)
    assert told(tensors, {"depths": [2] * 4, "sr_ratios": [8, 4, 2, 1]}) == []


def test_a_head_for_sounds_is_a_head(told):
    tensors, config = llama()
    tensors["audio_lm_head.weight"] = np.ones((7, 32), models.BF16)
    del tensors[ENDS[1]]
    assert told(tensors, config) == []


def test_a_matrix_is_missed_though_its_bias_is_there(told):
    tensors, config = llama()
    for block in range(6):
        tensors[f"model.layers.{block}.self_attn.q_proj.bias"] = np.ones(64, models.BF16)
    drop(tensors, "q_proj.weight", blocks=(2,))
    ((rule, message),) = told(tensors, config)
    assert rule == "missing-part" and "model.layers.2.self_attn.q_proj.weight: missing" in message
