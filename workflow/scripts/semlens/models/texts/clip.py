"""CLIP's text encoders: prompts to the embeddings that the cross-attention of Stable Diffusion 1, 2 and XL reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from semlens.models.loading import require_complete, require_file
from semlens.models.texts._tokenizers import load_tokenizer


def embed_texts(texts: Sequence[str], parts: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """Return the texts' embeddings as the U-Net's cross-attention reads them, and the pooled ones that SDXL adds.

    Parameters
    ----------
    parts
        Folders by the name of the part. With ``tokenizer`` and ``text_encoder`` alone, the last state is read. With
        ``tokenizer_2`` and ``text_encoder_2`` as well, the last states but one are joined, and the second encoder gives
        a text's pooled embedding.

    Returns
    -------
    ``embedding`` (texts, tokens, width) and of two encoders ``pooled`` (texts, width), float32.
    """
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    if "text_encoder_2" not in parts:
        (states,) = encode_clip(texts, parts, "", CLIPTextModel, [-1])
        return {"embedding": states}
    (first,) = encode_clip(texts, parts, "", CLIPTextModel, [-2])
    second, pooled = encode_clip(texts, parts, "_2", CLIPTextModelWithProjection, [-2, "pooled"])
    return {"embedding": torch.cat([first, second], dim=-1), "pooled": pooled}


def encode_clip(
    texts: Sequence[str], parts: Mapping[str, Any], number: str, kind: type, wanted: Sequence[int | str]
) -> list[torch.Tensor]:
    """Return of all texts, each read alone, hidden states by number, or what is pooled of a text.

    Parameters
    ----------
    parts
        Folders by the name of the part.
    number
        Which of several encoders: nothing or ``_2``.
    kind
        The encoder's class.
    wanted
        Hidden states (texts, tokens, width) by number, of which -1 is normalised; ``pooled`` (texts, width), projected
        where the encoder projects it.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the folder, if an encoder or a tokenizer cannot be loaded.
    """
    from transformers import CLIPTokenizer

    text_encoder = parts[f"text_encoder{number}"]
    require_file(Path(text_encoder) / "config.json", "text encoder")
    tokenize = load_tokenizer(CLIPTokenizer, parts[f"tokenizer{number}"], "vocab.json", "merges.txt")
    try:
        encoder, loaded = kind.from_pretrained(
            text_encoder, use_safetensors=True, dtype=torch.float32, local_files_only=True, output_loading_info=True
        )
        require_complete(encoder.eval(), loaded)
    except (OSError, ValueError, SafetensorError) as error:
        raise ValueError(f"the text encoder in {text_encoder} cannot be loaded: {error}") from error
    longest = min(tokenize.model_max_length, encoder.config.max_position_embeddings)
    options = {"padding": "max_length", "max_length": longest, "truncation": True}
    states = []
    with torch.inference_mode():
        for text in texts:
            output = encoder(tokenize(text, **options, return_tensors="pt").input_ids, output_hidden_states=True)
            pooled = output.text_embeds if "text_embeds" in output else output.pooler_output
            named = {"pooled": pooled, -1: output.last_hidden_state}
            states.append([named[key] if key in named else output.hidden_states[key] for key in wanted])
    return [torch.cat(state) for state in zip(*states, strict=True)]
