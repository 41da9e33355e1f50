"""What published classes do by design, beside the same headers with a loss that is told of."""

from __future__ import annotations

import pytest

import health_models as models

WIDTH = 8
PROJECTIONS = ("q", "k", "v", "o")


@pytest.fixture
def told(write_checkpoint, tmp_path):
    """Return the messages of faults and warnings that headers and configuration give."""
    return models.told_by_headers(write_checkpoint, tmp_path / "m")


def attention(path, width=WIDTH):
    return {f"{path}.{name}_proj.weight": (width, width) for name in PROJECTIONS}


def blocks(path, number, width=WIDTH):
    """Return blocks of attention, a plain network and norms with biases."""
    shapes = {}
    for block in range(number):
        layer = f"{path}.{block}"
        shapes |= attention(f"{layer}.self_attn", width)
        shapes |= {f"{layer}.fc1.weight": (2 * width, width), f"{layer}.fc2.weight": (width, 16)}
        shapes |= {f"{layer}.norm.{half}": (width,) for half in ("weight", "bias")}
    return shapes


# -- numbers of blocks


def test_one_of_several_models_that_a_configuration_tells_of(told):
    """The part that makes units has as many blocks as `t2u_encoder_layers` says."""
    config = {"encoder_layers": 9, "t2u_encoder_layers": 4, "hidden_size": WIDTH}
    shapes = blocks("model.encoder.layers", 4)
    assert told(shapes, config) == []
    (message,) = told(models.without(shapes, "layers.3."), config)
    assert "3 there; config.json says encoder_layers = 9" in message
    assert len(told(shapes, {"encoder_layers": 9, "t2u_encoder_layers": 5})) == 1


def test_layers_that_are_listed_one_by_one_though_a_block_has_two(told):
    config = {
        "num_hidden_layers": 8,
        "layer_types": ["sliding_attention", "mlp", "full_attention", "mlp"] * 2,
    }
    shapes = blocks("model.layers", 4)
    assert told(shapes, config) == []
    (message,) = told(models.without(shapes, "layers.3."), config)
    assert message == (
        "model.layers: block 3 missing, 3 there; config.json says attention in layer_types = 4"
    )


def test_layers_that_are_listed_one_by_one_and_stored_so(told):
    config = {"num_hidden_layers": 8, "layer_types": ["full_attention", "mlp"] * 4}
    shapes = {}
    for block in range(0, 8, 2):
        shapes |= attention(f"model.layers.{block}.self_attn")
        shapes[f"model.layers.{block + 1}.fc1.weight"] = (16, WIDTH)
        shapes[f"model.layers.{block + 1}.fc2.weight"] = (WIDTH, 16)
    assert told(shapes, config) == []
    (message,) = told(
        models.without(shapes, *(f"layers.{block}." for block in range(4, 8))), config
    )
    assert "blocks 4 to 7 missing" in message


# -- parts of models with the configuration of the whole


@pytest.mark.parametrize("name", ["FooDecoder", "FooEncoder"])
def test_a_part_need_not_be_the_one_that_reads_text(name, told):
    config = {
        "architectures": [name],
        "text_config": {"hidden_size": 24, "num_hidden_layers": 12, "num_attention_heads": 12},
    }
    shapes = blocks("layers", 3)
    assert told(shapes, config) == []
    assert len(told(shapes, config | {"architectures": ["FooModel"]})) == 3
    (message,) = told(shapes, config | {"d_model": 12})
    assert "d_model = 12 is no side of" in message


@pytest.mark.parametrize("part", ["encoder", "decoder"])
def test_a_part_has_as_many_blocks_as_the_whole_has_of_its_sort(part, told):
    shapes = blocks("layers", 4)
    config = {"architectures": [f"Foo{part.title()}"], "encoder_layers": 2, "decoder_layers": 2}
    assert told(shapes, config | {f"{part}_layers": 4}) == []
    (message,) = told(models.without(shapes, "layers.3."), config | {f"{part}_layers": 4})
    assert f"layers: block 3 missing, 3 there; config.json says {part}_layers = 4" in message
    assert told(models.without(shapes, "layers.3."), {f"{part}_layers": 4}) == []


@pytest.mark.parametrize("names", ["FooDecoder", ["FooDecoder", "FooEncoder"], [None], [], None])
def test_what_is_no_single_class_names_no_part(names, told):
    config = {"architectures": names, "encoder_layers": 9, "decoder_layers": 9}
    assert told(blocks("layers", 4), config) == []


@pytest.mark.parametrize("key", ["atom_encoder", "atom_encoder_config"])
def test_a_section_that_is_called_like_a_module(key, told):
    shapes = blocks("embedder.atom_encoder.layers", 3)
    config = {"hidden_size": 24, key: {"hidden_size": WIDTH}}
    assert told(shapes, config) == []
    for other in ({"hidden_size": 12}, {}):
        (message,) = told(shapes, config | {key: other})
        assert "hidden_size = 24 is no side of" in message


def test_latents_have_a_width_of_their_own(told):
    shapes = blocks("perceiver.encoder.self_attends", 3)
    assert told(shapes, {"d_model": 24, "d_latents": WIDTH}) == []
    assert len(told(shapes, {"d_model": 24, "d_latents": 12})) == 1


# -- the last block


def two_streams(single, number=4, *, mixed=True):
    """Return blocks that update pairs of tokens, and single tokens of another width.

    What they know of single tokens may be mixed into that of pairs.
    """
    shapes = {}
    for block in range(number):
        for part, width in (("pair", WIDTH), ("single", single)):
            layer = f"encoder.layers.{block}.{part}_transition"
            shapes[f"{layer}.norm.weight"] = (width,)
            shapes[f"{layer}.mlp.gate_up_proj.weight"] = (4 * width, width)
            shapes[f"{layer}.mlp.down_proj.weight"] = (width, 2 * width)
        if mixed:
            shapes[f"encoder.layers.{block}.outer_product.norm.weight"] = (single,)
            shapes[f"encoder.layers.{block}.outer_product.mix.weight"] = (WIDTH, 3 * single)
    return shapes


@pytest.mark.parametrize(
    ("single", "lost", "healthy"),
    [
        (4, "3.single_transition.", True),
        (4, "3.single_transition.norm.", False),
        (4, "3.single_transition.mlp.down_proj", False),
        (4, "3.single_transition.norm. 3.single_transition.mlp.down_proj", False),
        (4, "2.single_transition.", False),
        (WIDTH, "3.single_transition.", False),
    ],
)
def test_the_last_block_writes_no_stream_that_nothing_reads(single, lost, healthy, told):
    shapes = two_streams(single)
    assert told(shapes) == []
    assert (told(models.without(shapes, *lost.split())) == []) is healthy


def test_a_narrow_network_that_the_rest_does_not_read_is_missed(told):
    shapes = two_streams(4, mixed=False)
    (message,) = told(models.without(shapes, "3.single_transition."))
    assert "3.single_transition.norm.weight" in message


def test_a_last_block_without_its_network_lacks_it(told):
    """Stored with the inputs first, the network seems to write something wider."""
    shapes = {}
    for block in range(4):
        layer = f"h.{block}"
        shapes |= {f"{layer}.ln_1.weight": (8,), f"{layer}.attn.c_attn.weight": (8, 24)}
        shapes |= {f"{layer}.attn.c_proj.weight": (8, 8), f"{layer}.mlp.c_fc.weight": (8, 32)}
        shapes[f"{layer}.mlp.c_proj.weight"] = (32, 8)
    assert told(shapes) == []
    (message,) = told(models.without(shapes, "h.3.mlp."))
    assert "h.3.mlp.c_fc.weight" in message


def test_a_last_block_with_experts_lacks_its_attention(told):
    """Experts that are stored together have three sides, the first of which is their number."""
    shapes = {}
    for block in range(4):
        layer = f"model.layers.{block}"
        shapes |= attention(f"{layer}.self_attn") | {f"{layer}.self_attn.q_norm.weight": (WIDTH,)}
        shapes[f"{layer}.mlp.gate.weight"] = (3, WIDTH)
        shapes[f"{layer}.mlp.experts.gate_up_proj"] = (3, 12, WIDTH)
        shapes[f"{layer}.mlp.experts.down_proj"] = (3, WIDTH, 6)
    assert told(shapes) == []
    (message,) = told(models.without(shapes, "3.self_attn."))
    assert "3.self_attn.q_proj.weight" in message


# -- outside the blocks


def test_norms_of_a_list_may_all_do_without_a_bias(told):
    shapes = blocks("head.layers", 4)
    steps = {f"head.steps.{step}.norm.weight": (WIDTH,) for step in range(2)}
    assert told(shapes | steps) == []
    ((first, *_), *others) = (told(shapes | {name: each}) for name, each in steps.items())
    assert first == "head.steps.0.norm.bias: missing; all other norms have one" and others
    assert told(shapes | steps | {"head.steps.0.norm.bias": (WIDTH,)}) == [
        "head.steps.1.norm.bias: missing; all other norms have one"
    ]


@pytest.mark.parametrize("before", ["class_embedding", "cls_token"])
def test_positions_of_pictures_whose_patches_lie_elsewhere(before, told):
    shapes = blocks("encoder.layers", 3) | {
        "embeddings.position_embedding.weight": (17, WIDTH),
    }
    assert told(shapes | {f"embeddings.{before}": (WIDTH,)}) == []
    assert told(shapes) == [
        "there is no token embedding beside embeddings.position_embedding.weight"
    ]


def test_answers_that_begin_and_end(told):
    config = {"model_type": "xlnet", "architectures": ["XLNetForQuestionAnswering"]}
    shapes = blocks("transformer.layer", 3) | {
        "transformer.word_embeddings.weight": (32, WIDTH),
        "start_logits.dense.weight": (1, WIDTH),
        "end_logits.dense_0.weight": (WIDTH, 2 * WIDTH),
        "answer_class.dense_0.weight": (WIDTH, 2 * WIDTH),
    }
    assert told(shapes, config) == []
    assert told(models.without(shapes, "logits", "answer"), config) == [
        "there is no output head; XLNetForQuestionAnswering has one"
    ]


def picture_and_text(number=6, *, dual=0):
    """Return blocks as of Stable Diffusion 3, of which the last leaves text as it is.

    The first `dual` blocks have a second attention to the picture, as of version 3.5.
    """
    shapes = {}
    for block in range(number):
        layer = f"transformer_blocks.{block}"
        last = block == number - 1
        square = [*("to_q", "to_k", "to_v", "to_out.0"), *(f"add_{each}_proj" for each in "qkv")]
        for name in [*square, *(() if last else ("to_add_out",))]:
            shapes[f"{layer}.attn.{name}.weight"] = (WIDTH, WIDTH)
            shapes[f"{layer}.attn.{name}.bias"] = (WIDTH,)
        for name in ("norm_q", "norm_k", "norm_added_q", "norm_added_k"):
            shapes[f"{layer}.attn.{name}.weight"] = (4,)
        for name in ("to_q", "to_k", "to_v", "to_out.0") if block < dual else ():
            shapes[f"{layer}.attn2.{name}.weight"] = (WIDTH, WIDTH)
        for name in ("ff",) if last else ("ff", "ff_context"):
            shapes[f"{layer}.{name}.net.0.proj.weight"] = (4 * WIDTH, WIDTH)
            shapes[f"{layer}.{name}.net.2.weight"] = (WIDTH, 4 * WIDTH)
        shapes[f"{layer}.norm1.linear.weight"] = ((9 if block < dual else 6) * WIDTH, WIDTH)
        shapes[f"{layer}.norm1_context.linear.weight"] = ((2 if last else 6) * WIDTH, WIDTH)
    return shapes


def joint_blocks(number=6):
    """Return the same blocks as their authors save them."""
    shapes = {}
    for block in range(number):
        for part in ("context", "x"):
            layer = f"model.diffusion_model.joint_blocks.{block}.{part}_block"
            last = part == "context" and block == number - 1
            shapes[f"{layer}.attn.qkv.weight"] = (3 * WIDTH, WIDTH)
            shapes[f"{layer}.adaLN_modulation.1.weight"] = ((2 if last else 6) * WIDTH, WIDTH)
            if not last:
                shapes[f"{layer}.attn.proj.weight"] = (WIDTH, WIDTH)
                shapes[f"{layer}.mlp.fc1.weight"] = (4 * WIDTH, WIDTH)
                shapes[f"{layer}.mlp.fc2.weight"] = (WIDTH, 4 * WIDTH)
    return shapes


@pytest.mark.parametrize(
    "shapes",
    [picture_and_text(), picture_and_text(8, dual=5), picture_and_text(8, dual=3), joint_blocks()],
    ids=["one attention", "two in most", "two in some", "as their authors save them"],
)
def test_the_last_block_of_picture_and_text_leaves_text_as_it_is(shapes, told):
    assert told(shapes) == []


@pytest.mark.parametrize(
    "lost",
    [
        "5.attn.to_out.0",
        "5.ff.net.2",
        "5.attn.add_k_proj 5.attn.add_q_proj 5.attn.add_v_proj",
        "4.attn.to_add_out",
        "4.attn.to_add_out 4.ff_context",
        "2.ff_context.net.2",
    ],
)
def test_other_losses_of_picture_and_text_are_told_of(lost, told):
    assert told(models.without(picture_and_text(), *(f"blocks.{each}" for each in lost.split())))


# -- attention and networks of pictures


def single_blocks(number=6):
    """Return blocks of which attention and network share their output, as of Flux or Chroma."""
    shapes = {"norm_out.weight": (WIDTH,)}
    for block in range(number):
        layer = f"single_transformer_blocks.{block}"
        shapes |= {f"{layer}.attn.to_{each}.weight": (WIDTH, WIDTH) for each in "qkv"}
        shapes[f"{layer}.proj_mlp.weight"] = (4 * WIDTH, WIDTH)
        shapes[f"{layer}.proj_out.weight"] = (WIDTH, 5 * WIDTH)
    return shapes


def test_attention_and_network_may_share_their_output(told):
    assert told(single_blocks()) == []
    messages = told(models.without(single_blocks(), "proj_out"))
    assert any("no block has the output of attention (o)" in each for each in messages)


def gated_in_a_list(number=6):
    """Return blocks with a network in a list, whose first layer is a module of its own."""
    shapes = {"norm_out.weight": (WIDTH,)}
    for block in range(number):
        layer = f"transformer_blocks.{block}"
        shapes |= attention(f"{layer}.attn")
        shapes[f"{layer}.ff.net.0.proj.weight"] = (8 * WIDTH, WIDTH)
        shapes[f"{layer}.ff.net.2.weight"] = (WIDTH, 4 * WIDTH)
    return shapes


def test_layers_of_a_network_in_a_list_belong_together(told):
    assert told(gated_in_a_list()) == []
    assert told(models.without(gated_in_a_list(), "ff.net.2"))
    assert told(models.without(gated_in_a_list(), "ff.net.0"))


@pytest.mark.parametrize(
    ("module", "healthy"),
    [
        *(("conv.act_fn", True), ("conv.act", True), ("activation", True), ("conv.activate", True)),
        *(("fuse.relu", True), ("global_bias", True), ("conv.contact", False)),
    ],
)
def test_an_activation_has_a_bias_alone(module, healthy, told):
    shapes = blocks("layers", 4) | {f"motion.{module}.bias": (WIDTH,)}
    assert (told(shapes) == []) is healthy


def test_a_bias_of_the_model_itself_belongs_to_no_module(told):
    assert told(blocks("layers", 4) | {"bias": (1,)}) == []
    (message,) = told(blocks("layers", 4) | {"motion.bias": (1,)})
    assert message == "motion.weight: missing; its bias is there"


@pytest.mark.parametrize("word", ["encoders", "decoders", "encoder_layers"])
def test_parts_of_several_depths_in_one_list(told, word):
    """As several encoders that read at several rates are listed."""
    shapes = {}
    for part, depth in enumerate((4, 4, 4, 4, 2)):
        shapes |= blocks(f"{word}.{part}.layers", depth)
    assert told(shapes) == []
    # One layer that lacks something is no shorter list.
    (message,) = told(models.without(shapes, f"{word}.1.layers.2.fc1."))
    assert f"{word}.1.layers.#.fc1" in message
