"""CLIP's text encoders: prompts to the embeddings that the cross-attention of Stable Diffusion 1, 2 and XL reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from semlens.models.loading import require_complete, require_file


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

    one, two = (
        (Path(parts[f"tokenizer{n}"]), Path(parts[f"text_encoder{n}"])) if f"text_encoder{n}" in parts else None
        for n in ("", "_2")
    )
    if two is None:
        return {"embedding": torch.cat([state for (state,) in _encode(texts, *one, CLIPTextModel, [-1])])}
    first = _encode(texts, *one, CLIPTextModel, [-2])
    second = _encode(texts, *two, CLIPTextModelWithProjection, [-2, "pooled"])
    joined = [torch.cat([state, other], dim=-1) for (state,), (other, _) in zip(first, second, strict=True)]
    return {"embedding": torch.cat(joined), "pooled": torch.cat([pooled for _, pooled in second])}


def _encode(
    texts: Sequence[str], tokenizer: str | Path, text_encoder: str | Path, kind: type, wanted: Sequence[int | str]
) -> list[list[torch.Tensor]]:
    """Return for each text, one at a time, hidden states by number (-1 is normalised), or what is "pooled"."""
    require_file(Path(text_encoder) / "config.json", "text encoder")
    tokenize = _load_tokenizer(Path(tokenizer))
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
            named = {"pooled": getattr(output, "text_embeds", None), -1: output.last_hidden_state}
            states.append([named[key] if key in named else output.hidden_states[key] for key in wanted])
    return states


def _load_tokenizer(folder: Path) -> Any:
    """Return CLIP's tokenizer from ``tokenizer.json`` alone, or from vocabulary and merges."""
    from transformers import CLIPTokenizer

    if not (folder / "tokenizer.json").is_file():
        for name in ("vocab.json", "merges.txt"):
            require_file(folder / name, "tokenizer")
    try:
        return CLIPTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"the tokenizer in {folder} cannot be loaded: {error}") from error
