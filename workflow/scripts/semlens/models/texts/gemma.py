"""Gemma 2: prompts to what Sana's cross-attention reads."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from semlens.models.texts._blockwise import iterate_batches, load_blockwise
from semlens.models.texts._tokenizers import load_tokenizer


def embed_texts(
    texts: Sequence[str], parts: Mapping[str, Any], *, instruction: Sequence[str] | None = None
) -> dict[str, torch.Tensor]:
    """Return what Sana's pipeline makes of the texts: small letters, 300 tokens, those of padding masked.

    Nothing is cleaned of a caption (``clean_caption``).

    Parameters
    ----------
    parts
        The folders ``tokenizer`` and ``text_encoder``.
    instruction
        Lines before each text, as the pipeline's ``complex_human_instruction``. When it is called, the pipeline asks by
        default for a longer prompt, with examples; here a text is read as it is, so that nothing but what was asked for
        enters the embedding.

    Returns
    -------
    ``embedding`` (texts, tokens, width) float32 and ``mask`` (texts, tokens).
    """
    from diffusers import SanaPipeline
    from transformers import Gemma2Model, GemmaTokenizer

    tokenizer = load_tokenizer(GemmaTokenizer, parts["tokenizer"])
    encoder = load_blockwise(Gemma2Model, parts["text_encoder"], "layers")
    pipeline = SanaPipeline(tokenizer, encoder, vae=None, transformer=None, scheduler=None)
    how = {"complex_human_instruction": list(instruction or []), "do_classifier_free_guidance": False}
    with torch.inference_mode():
        read = [
            pipeline.encode_prompt(batch, **how, device=torch.device("cpu"))[:2] for batch in iterate_batches(texts)
        ]
    embeddings, masks = zip(*read, strict=True)
    return {"embedding": torch.cat(embeddings), "mask": torch.cat(masks).bool()}
