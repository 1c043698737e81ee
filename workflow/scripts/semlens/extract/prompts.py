"""Prompts to text embeddings: computed once and read by every extraction that names them."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path

import h5py

from semlens.images.samples import iterate_samples
from semlens.images.views import load_view
from semlens.models.part_hashes import describe_parts
from semlens.models.text import embed_texts
from semlens.runtime.logs import log
from semlens.storage.environment import Environment, describe_environment
from semlens.storage.shard_writer import ENVIRONMENT, Item, ShardContract, create_shard, write_array
from semlens.storage.table_reader import read_table

Encoders = Sequence[tuple[str | Path, str | Path]]  # folders of tokenizer and text encoder, see models.embed

PROMPTS = ShardContract(
    attributes={
        "prompt": Item("text", "The prompt as the configuration has it."),
        **ENVIRONMENT,
    },
    datasets={
        "texts": Item("text", "All texts that a prompt with {classes} becomes, sorted.", "(texts)", optional=True),
        "embedding": Item("float32", "What the network's cross-attention reads.", "(texts, tokens, width)"),
        "pooled": Item("float32", "What SDXL adds; other models have none.", "(texts, width)", optional=True),
        "{view}/text": Item(
            "int64", "The text of each sample of the view, where a prompt has {classes}.", "(samples)", optional=True
        ),
    },
)


def encode_prompt(*, prompt: str, encoders: Encoders, out: str | Path) -> None:
    """Write a prompt's text embedding. What the shard holds is in ``PROMPTS``."""
    with create_shard(out, {"prompt": prompt}, _describe_environment(encoders)) as shard:
        _write_embedding([prompt], encoders, shard)
        log.info("prompt %r: %d tokens of width %d", prompt, *shard["embedding"].shape[1:])


def encode_template(
    *,
    template: str,
    manifest: str | Path,
    views: Sequence[str],
    encoders: Encoders,
    out: str | Path,
) -> None:
    """Write the text embeddings of a prompt that names what each sample shows.

    ``{classes}`` becomes the classes of the sample's instances, in alphabetical order, joined by "and". What the shard
    holds is in ``PROMPTS``.
    """
    instances = read_table(manifest)
    texts = {
        view: [
            template.replace("{classes}", " and ".join(sorted(set(sample.instances["class_name"]))))
            for sample in iterate_samples(load_view(view), instances)
        ]
        for view in views
    }
    different = sorted(set(chain.from_iterable(texts.values())))
    with create_shard(out, {"prompt": template}, _describe_environment(encoders)) as shard:
        write_array(shard, "texts", different)
        _write_embedding(different, encoders, shard)
        for view in views:
            write_array(shard, f"{view}/text", [different.index(text) for text in texts[view]])
    log.info("prompt %r: %d texts, such as %r", template, len(different), different[0])


def _describe_environment(encoders: Encoders) -> Environment:
    folders = {}
    for number, (tokenizer, text_encoder) in zip(("", "_2"), encoders, strict=False):
        folders |= {f"tokenizer{number}": tokenizer, f"text_encoder{number}": text_encoder}
    return describe_environment("prompt", read=describe_parts(folders))


def _write_embedding(texts: Sequence[str], encoders: Encoders, shard: h5py.File) -> None:
    embedding, pooled = embed_texts(texts, encoders)
    write_array(shard, "embedding", embedding.numpy())
    if pooled is not None:
        write_array(shard, "pooled", pooled.numpy())
