"""Two CLIPs and T5: prompts to what Stable Diffusion 3 reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from semlens.models.texts.clip import encode_clip
from semlens.models.texts.t5 import encode_t5
from semlens.runtime.logs import log

TOKENS, WIDTH = 256, 4096  # of T5, also where it is left out


def embed_texts(texts: Sequence[str], parts: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return what Stable Diffusion 3's pipeline makes of the texts.

    The last states but one of both CLIPs stand side by side, with zeros up to T5's width; after these 77 tokens come
    T5's 256, padding and all. Without T5 those are 0, as the pipeline has them.

    Parameters
    ----------
    parts
        The folders ``tokenizer`` and ``text_encoder``, the same with ``_2``, and of T5 with ``_3``.

    Returns
    -------
    ``embedding`` (texts, tokens, width) and ``pooled`` (texts, width), float32.
    """
    from transformers import CLIPTextModelWithProjection

    states, pooled = zip(
        *(encode_clip(texts, parts, number, CLIPTextModelWithProjection, [-2, "pooled"]) for number in ("", "_2")),
        strict=True,
    )
    if "text_encoder_3" in parts:
        long = encode_t5(texts, parts, "_3", tokens=TOKENS)
    else:
        log.info("the model has no text_encoder_3: its %d tokens of T5 are 0", TOKENS)
        long = torch.zeros(len(texts), TOKENS, WIDTH)
    short = torch.cat(states, dim=-1)
    short = torch.nn.functional.pad(short, (0, long.shape[-1] - short.shape[-1]))
    return {"embedding": torch.cat([short, long], dim=1), "pooled": torch.cat(pooled, dim=-1)}
