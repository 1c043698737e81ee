"""CLIP and T5: prompts to what Flux.1 reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from semlens.models.texts.clip import encode_clip
from semlens.models.texts.t5 import encode_t5


def embed_texts(texts: Sequence[str], parts: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return what Flux's pipeline makes of the texts: 512 tokens of T5, padding and all, and CLIP's pooled text.

    Parameters
    ----------
    parts
        The folders ``tokenizer`` and ``text_encoder`` of CLIP, ``tokenizer_2`` and ``text_encoder_2`` of T5.

    Returns
    -------
    ``embedding`` (texts, tokens, width) and ``pooled`` (texts, width), float32.
    """
    from transformers import CLIPTextModel

    (pooled,) = encode_clip(texts, parts, "", CLIPTextModel, ["pooled"])
    return {"embedding": encode_t5(texts, parts, "_2", tokens=512), "pooled": pooled}
