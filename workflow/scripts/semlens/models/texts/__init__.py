"""Texts to what a network reads of them, one file per kind, found by the name that a family has as ``TEXT``.

A kind has ``embed_texts(texts, parts)``, of texts and the folders of a model's parts, by name: tensors whose first axis
is that of the texts, as a shard of :mod:`semlens.extract.prompts` holds them.
"""

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def embed_texts(kind: str, texts: Sequence[str], parts: Mapping[str, Any]) -> dict[str, "torch.Tensor"]:
    """Return what a kind of network reads of texts."""
    return import_module(f"semlens.models.texts.{kind}").embed_texts(texts, parts)
