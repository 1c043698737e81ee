"""T5: prompts to what PixArt's cross-attention reads; Stable Diffusion 3 and Flux read it as well."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from semlens.models.texts._blockwise import iterate_batches, load_blockwise
from semlens.models.texts._tokenizers import PIECES, load_tokenizer


def embed_texts(texts: Sequence[str], parts: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return what PixArt's pipeline makes of the texts: small letters, 300 tokens, those of padding masked.

    So many has Sigma's pipeline; alpha's has 120. The rest is padding that nothing reads, so that a text is the same to
    alpha unless it has more than 120 tokens: then alpha's pipeline would cut it. Nothing is cleaned of a caption
    (``clean_caption``), as a pipeline does by default where ftfy is installed.

    Parameters
    ----------
    parts
        The folders ``tokenizer`` and ``text_encoder``.

    Returns
    -------
    ``embedding`` (texts, tokens, width) float32 and ``mask`` (texts, tokens).
    """
    from diffusers import PixArtSigmaPipeline

    pipeline = PixArtSigmaPipeline(*_load_t5(parts, ""), vae=None, transformer=None, scheduler=None)
    with torch.inference_mode():
        read = [
            pipeline.encode_prompt(batch, do_classifier_free_guidance=False, device=torch.device("cpu"))[:2]
            for batch in iterate_batches(texts)
        ]
    embeddings, masks = zip(*read, strict=True)
    return {"embedding": torch.cat(embeddings), "mask": torch.cat(masks).bool()}


def encode_t5(
    texts: Sequence[str], parts: Mapping[str, Any], number: str, *, tokens: int
) -> torch.Tensor:  # (texts, tokens, width) float32
    """Return T5's states of the texts, cut or padded to so many tokens; those of padding are read like others.

    Parameters
    ----------
    parts
        Folders by the name of the part.
    number
        Which of several encoders T5 is: ``_2`` or ``_3``.
    """
    tokenizer, encoder = _load_t5(parts, number)
    options = {"padding": "max_length", "max_length": tokens, "truncation": True, "return_tensors": "pt"}
    with torch.inference_mode():
        return torch.cat([encoder(tokenizer(batch, **options).input_ids)[0] for batch in iterate_batches(texts)])


def _load_t5(parts: Mapping[str, Any], number: str) -> tuple[Any, torch.nn.Module]:
    from transformers import T5EncoderModel, T5Tokenizer

    tokenizer = load_tokenizer(T5Tokenizer, parts[f"tokenizer{number}"], PIECES)
    return tokenizer, load_blockwise(T5EncoderModel, parts[f"text_encoder{number}"], "encoder.block")
