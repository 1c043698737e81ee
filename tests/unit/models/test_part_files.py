"""Which files of a part are read, and what must be there."""

import pytest

from semlens.models.part_files import check_complete, name_class, read_config, select_files

PLAIN, HALF = "diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.fp16.safetensors"
AVERAGE = "diffusion_pytorch_model.non_ema.safetensors"
SHARDS = [f"model-0000{number}-of-00002.safetensors" for number in (1, 2)]


@pytest.mark.parametrize(
    ("names", "variant", "expected"),
    [
        ([PLAIN, HALF], None, {PLAIN: PLAIN}),
        ([PLAIN, HALF], "fp16", {PLAIN: HALF}),
        ([PLAIN], "fp16", {PLAIN: PLAIN}),
        ([HALF], None, {PLAIN: HALF}),
        ([PLAIN, "diffusion_pytorch_model.bin", "model.onnx", "README.md", ".gitattributes"], None, {PLAIN: PLAIN}),
        ([PLAIN, AVERAGE], "non_ema", {PLAIN: AVERAGE}),
        ([], None, {}),
    ],
)
def test_one_set_of_weights_is_read_under_its_plain_name(names, variant, expected):
    assert select_files(names, variant) == expected


@pytest.mark.parametrize(
    "names",
    [
        [*SHARDS, "model.safetensors.index.json"],
        ["diffusion_pytorch_model-00001-of-00001.fp16.safetensors"],
        ["tokenizer.json", "tokenizer_config.json", "merges.txt", "spiece.model"],
    ],
)
def test_shards_and_configurations_keep_their_names(names):
    assert select_files(names) == {name: name for name in names}


def test_shards_of_a_variant_are_found_by_an_index_of_the_plain_name():
    shard, index = "model.fp16-00001-of-00001.safetensors", "model.safetensors.index.fp16.json"
    chosen = select_files([shard, index, "model.safetensors"], "fp16")
    assert chosen == {shard: shard, "model.safetensors.index.json": index}


def test_several_variants_and_none_asked_for_are_refused():
    with pytest.raises(ValueError, match="several variants, bf16, fp16; name one of them as 'variant'"):
        select_files([HALF, HALF.replace("fp16", "bf16")])


def test_pickles_alone_are_refused():
    with pytest.raises(ValueError, match=r"a pickle \(pytorch_model\.bin\).*safetensors"):
        select_files(["config.json", "pytorch_model.bin"])


@pytest.mark.parametrize(
    ("part", "names", "missing"),
    [
        ("unet", [PLAIN], "no config.json"),
        ("unet", ["config.json"], "no weights"),
        ("text_encoder_2", ["config.json", "model.safetensors.index.json"], "no weights"),
        ("tokenizer", ["vocab.json"], "no tokenizer.json or merges.txt and vocab.json or spiece.model"),
        ("scheduler", ["config.json"], "no scheduler_config.json"),
    ],
)
def test_what_is_missing_is_named(part, names, missing):
    with pytest.raises(ValueError, match=missing):
        check_complete(part, names)


@pytest.mark.parametrize(
    ("part", "names"),
    [
        ("unet", ["config.json", PLAIN]),
        ("text_encoder", ["config.json", *SHARDS]),
        ("tokenizer", ["tokenizer.json"]),
        ("tokenizer_2", ["vocab.json", "merges.txt"]),
        ("tokenizer_3", ["spiece.model", "tokenizer_config.json"]),
        ("scheduler", ["scheduler_config.json"]),
    ],
)
def test_a_whole_part_passes(part, names):
    check_complete(part, names)


@pytest.mark.parametrize("content", [b"{", b"[]", b"\xff{}"], ids=["cut off", "a list", "no text"])
def test_a_configuration_that_is_none_is_named(tmp_path, content):
    (tmp_path / "config.json").write_bytes(content)
    with pytest.raises(ValueError, match=r"config\.json cannot be read"):
        read_config(tmp_path / "config.json")


@pytest.mark.parametrize(
    ("norm", "kind"), [("ada_norm_zero", "DiTTransformer2DModel"), ("ada_norm_single", "PixArtTransformer2DModel")]
)
def test_a_class_that_was_split_is_named_as_diffusers_now_does(norm, kind):
    assert name_class({"_class_name": "Transformer2DModel", "norm_type": norm}) == kind
    assert name_class({"_class_name": "Transformer2DModel", "norm_type": "layer_norm"}) == "Transformer2DModel"
    assert name_class({"_class_name": kind, "norm_type": norm}) == kind
