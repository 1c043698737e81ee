"""Texts of the diffusion transformers: what is read of them, and encoders whose weights are read block by block."""

import json
import struct

import pytest
import tiny_transformers
import torch
from diffusers import SanaPipeline
from safetensors.torch import load_file, save_file
from transformers import Gemma2ForCausalLM, Gemma2Model, T5EncoderModel, T5ForConditionalGeneration, T5Tokenizer

from semlens.models.texts import _blockwise, embed_texts
from semlens.models.texts._blockwise import load_blockwise
from semlens.models.texts._tokenizers import load_tokenizer
from semlens.models.texts.gemma import embed_texts as embed_with_gemma

KINDS = {"t5": (T5EncoderModel, "pixart", "encoder.block"), "gemma": (Gemma2Model, "sana", "layers")}
TEXTS = ["a photo", "A dog and a Cat", "", "word " * 100]
FAMILIES = {"t5": "pixart", "sd3": "sd3", "flux": "flux", "gemma": "sana"}
SIZES = {"t5": (300, 80), "sd3": (77 + 256, 80), "flux": (512, 80), "gemma": (300, 80)}


@pytest.fixture(scope="module")
def parts(tmp_path_factory):
    """Folders of parts by the kind of text."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("models")
    for kind, family in FAMILIES.items():
        tiny_transformers.write(folder / kind, family, seed=0)
    return {
        kind: {part.name: part for part in (folder / kind).glob("t*_*")} | {"tokenizer": folder / kind / "tokenizer"}
        for kind in FAMILIES
    }


@pytest.fixture(params=KINDS)
def encoder(request, parts, tmp_path):
    """Class, folder of several shards, and the name of its blocks."""
    kind, _, blocks = KINDS[request.param]
    whole = kind.from_pretrained(parts[request.param]["text_encoder"], local_files_only=True)
    whole.save_pretrained(tmp_path / "sharded", max_shard_size="20KB")
    assert len(list((tmp_path / "sharded").glob("*.safetensors"))) > 2
    return kind, tmp_path / "sharded", blocks


def draw_tokens(count=3, length=9):
    tokens = torch.randint(5, 100, (count, length), generator=torch.Generator().manual_seed(0))
    return tokens, torch.arange(length) < torch.tensor([length, 5, 7])[:count, None]


def read_state(encoder, tokens, mask):
    with torch.inference_mode():
        return encoder(tokens, attention_mask=mask.long()).last_hidden_state


def test_an_encoder_read_block_by_block_gives_what_a_whole_one_does(encoder):
    kind, folder, blocks = encoder
    whole = kind.from_pretrained(folder, dtype=torch.float32, local_files_only=True)
    tokens, mask = draw_tokens()
    alone = [read_state(whole, tokens[row : row + 1], mask[row : row + 1]) for row in range(3)]
    assert torch.equal(read_state(load_blockwise(kind, folder, blocks), tokens, mask), torch.cat(alone))


def test_weights_of_half_precision_are_read_as_float32(encoder, tmp_path):
    kind, folder, blocks = encoder
    kind.from_pretrained(folder, local_files_only=True).bfloat16().save_pretrained(tmp_path / "half")
    whole = kind.from_pretrained(tmp_path / "half", dtype=torch.float32, local_files_only=True)
    tokens, mask = draw_tokens(1)
    assert torch.equal(
        read_state(load_blockwise(kind, tmp_path / "half", blocks), tokens, mask), read_state(whole, tokens, mask)
    )


def test_one_block_at_a_time_has_weights(encoder):
    kind, folder, blocks = encoder
    read = load_blockwise(kind, folder, blocks)
    seen = []
    modules = read.get_submodule(blocks)
    for block in modules:
        inner = next(module for module in block.modules() if isinstance(module, torch.nn.Linear))
        inner.register_forward_hook(lambda *_: seen.append([not next(b.parameters()).is_meta for b in modules]))
    read_state(read, *draw_tokens(1))
    assert seen == [[True, False], [False, True]]
    assert all(parameter.is_meta for parameter in modules.parameters())


@pytest.mark.parametrize(("name", "whole"), [("t5", T5ForConditionalGeneration), ("gemma", Gemma2ForCausalLM)])
def test_an_encoder_that_was_saved_inside_a_larger_model_is_read(parts, name, whole, tmp_path):
    kind, _, blocks = KINDS[name]
    torch.manual_seed(0)
    whole(kind.config_class.from_pretrained(parts[name]["text_encoder"])).save_pretrained(tmp_path)
    expected = kind.from_pretrained(tmp_path, dtype=torch.float32, local_files_only=True)
    tokens, mask = draw_tokens(1)
    assert torch.equal(
        read_state(load_blockwise(kind, tmp_path, blocks), tokens, mask), read_state(expected, tokens, mask)
    )


def change_weights(folder, out, change):
    """A copy of an encoder with other weights."""
    out.mkdir()
    (out / "config.json").write_bytes((folder / "config.json").read_bytes())
    save_file(change(load_file(folder / "model.safetensors")), out / "model.safetensors", {"format": "pt"})
    return out


T5_WEIGHT = "encoder.block.1.layer.0.SelfAttention.q.weight"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda held: {key: held[key] for key in held if key != T5_WEIGHT}, f"missing, such as {T5_WEIGHT}"),
        (lambda held: held | {T5_WEIGHT: torch.zeros(3, 5)}, rf"{T5_WEIGHT} has shape \[3, 5\], not \[16, 80\]"),
        (lambda held: held | {T5_WEIGHT: held[T5_WEIGHT].to(torch.int8)}, f"{T5_WEIGHT} is stored as I8.*quantized"),
    ],
)
def test_weights_that_do_not_fit_are_refused_before_any_runs(parts, tmp_path, change, message):
    folder = change_weights(parts["t5"]["text_encoder"], tmp_path / "changed", change)
    with pytest.raises(ValueError, match=rf"the text encoder in {folder} cannot be loaded: .*{message}"):
        load_blockwise(T5EncoderModel, folder, "encoder.block")


def test_embeddings_stored_by_their_other_name_are_read(parts, tmp_path):
    def rename(held):
        return {key.replace("shared.", "encoder.embed_tokens."): value for key, value in held.items()}

    folder = change_weights(parts["t5"]["text_encoder"], tmp_path / "renamed", rename)
    expected = load_blockwise(T5EncoderModel, parts["t5"]["text_encoder"], "encoder.block")
    assert torch.equal(load_blockwise(T5EncoderModel, folder, "encoder.block").shared.weight, expected.shared.weight)


def test_a_shard_that_is_missing_is_named(encoder):
    kind, folder, blocks = encoder
    shard = sorted(folder.glob("*.safetensors"))[-1]
    shard.unlink()
    with pytest.raises(FileNotFoundError, match=shard.name):
        load_blockwise(kind, folder, blocks)


@pytest.mark.parametrize("kind", FAMILIES)
def test_a_text_does_not_depend_on_the_others(parts, kind, monkeypatch):
    together = embed_texts(kind, TEXTS, parts[kind])
    monkeypatch.setattr(_blockwise, "BATCH", 3)
    apart = embed_texts(kind, TEXTS[::-1], parts[kind])
    assert together["embedding"].shape == (len(TEXTS), *SIZES[kind])
    for key, values in together.items():
        assert torch.equal(apart[key].flip(0), values)


@pytest.mark.parametrize("kind", FAMILIES)
def test_different_texts_are_different(parts, kind):
    for values in embed_texts(kind, ["a dog", "a cat"], parts[kind]).values():
        assert values.dtype == torch.bool or not torch.equal(*values)


@pytest.mark.parametrize("kind", ["t5", "gemma"])
def test_the_mask_leaves_out_padding_alone(parts, kind):
    counts = embed_texts(kind, TEXTS, parts[kind])["mask"].sum(dim=1).tolist()
    assert counts[2] == 1 and counts[3] == 300  # an end or a beginning; more than there is room for
    assert 1 < counts[0] < counts[1] < 300


def test_gemma_reads_an_instruction_where_it_is_asked_to(parts):
    """The pipeline's own is a default of its call."""
    instruction = ["Describe it.", "Prompt: "]
    told = embed_with_gemma(TEXTS[:2], parts["gemma"], instruction=instruction)
    pipeline = SanaPipeline.from_pretrained(parts["gemma"]["tokenizer"].parent, local_files_only=True)
    expected, mask, *_ = pipeline.encode_prompt(
        TEXTS[:2], do_classifier_free_guidance=False, complex_human_instruction=instruction
    )
    torch.testing.assert_close(told["embedding"], expected, rtol=1e-5, atol=1e-6)
    assert torch.equal(told["mask"], mask.bool())


def encode_field(number, data):
    return bytes([number << 3 | 2, len(data)]) + data


def test_a_tokenizer_may_be_a_vocabulary_of_sentencepiece_alone(parts, tmp_path):
    """As PixArt's are published. Numbers are those of the pieces."""
    pieces = [("<pad>", 3), ("</s>", 3), ("<unk>", 2), ("▁", 1), ("a", 1), ("b", 1)]
    content = b"".join(
        encode_field(1, encode_field(1, piece.encode()) + b"\x15" + struct.pack("<f", -1.0) + bytes([3 << 3, kind]))
        for piece, kind in pieces
    )
    (tmp_path / "spiece.model").write_bytes(content)
    (tmp_path / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "T5Tokenizer"}))
    tokenize = load_tokenizer(T5Tokenizer, tmp_path, "spiece.model")
    assert tokenize("ab a")["input_ids"] == [3, 4, 5, 3, 4, 1]
    assert embed_texts("t5", ["ab"], parts["t5"] | {"tokenizer": tmp_path})["mask"].sum() == 4


@pytest.mark.parametrize("kind", ["t5", "gemma"])
def test_a_folder_without_a_tokenizer_is_named(parts, kind, tmp_path):
    with pytest.raises(FileNotFoundError, match=f"no tokenizer in {tmp_path}"):
        embed_texts(kind, TEXTS, parts[kind] | {"tokenizer": tmp_path})
