"""Prompts to text embeddings: computed once and read by every extraction that names them."""

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import h5py

from semlens.images.samples import iterate_samples
from semlens.images.views import load_view
from semlens.models.part_hashes import describe_parts
from semlens.models.texts import embed_texts
from semlens.runtime.logs import log
from semlens.storage.environment import Environment, describe_environment
from semlens.storage.shard_writer import ENVIRONMENT, Item, ShardContract, create_shard, write_array
from semlens.storage.table_reader import read_table

Parts = Mapping[str, str | Path]  # folders of tokenizers and text encoders, by the name of the part

PROMPTS = ShardContract(
    attributes={
        "prompt": Item("text", "The prompt as the configuration has it."),
        **ENVIRONMENT,
    },
    datasets={
        "texts": Item("text", "All texts that a prompt with {classes} becomes, sorted.", "(texts)", optional=True),
        "embedding": Item("float32", "What the network's cross-attention reads.", "(texts, tokens, width)"),
        "pooled": Item("float32", "What SDXL, SD3 and Flux read of a whole text.", "(texts, width)", optional=True),
        "mask": Item("bool", "Which tokens are read, where not all are.", "(texts, tokens)", optional=True),
        "{view}/text": Item(
            "int64", "The text of each sample of the view, where a prompt has {classes}.", "(samples)", optional=True
        ),
    },
)


def encode_prompt(*, prompt: str, kind: str, parts: Parts, out: str | Path) -> None:
    """Write a prompt's text embedding. What the shard holds is in ``PROMPTS``.

    Parameters
    ----------
    kind
        How the network reads texts, see :mod:`semlens.models.texts`.
    """
    with create_shard(out, {"prompt": prompt}, _describe_environment(parts)) as shard:
        _write_embedding([prompt], kind, parts, shard)
        log.info("prompt %r: %d tokens of width %d", prompt, *shard["embedding"].shape[1:])


def encode_template(
    *,
    template: str,
    manifest: str | Path,
    views: Sequence[str],
    kind: str,
    parts: Parts,
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
    with create_shard(out, {"prompt": template}, _describe_environment(parts)) as shard:
        write_array(shard, "texts", different)
        _write_embedding(different, kind, parts, shard)
        for view in views:
            write_array(shard, f"{view}/text", [different.index(text) for text in texts[view]])
    log.info("prompt %r: %d texts, such as %r", template, len(different), different[0])


def _describe_environment(parts: Parts) -> Environment:
    return describe_environment("prompt", read=describe_parts(parts))


def _write_embedding(texts: Sequence[str], kind: str, parts: Parts, shard: h5py.File) -> None:
    for name, values in embed_texts(kind, texts, parts).items():
        write_array(shard, name, values.numpy())
