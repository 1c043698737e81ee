"""Text encoders: prompts to the embeddings that a network's cross-attention reads."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from semlens.models.loading import require_complete, require_file


def find_text_encoders(parts: Mapping[str, Any]) -> list[tuple[Path, Path]]:
    """Return the folders of tokenizers and text encoders, a second pair where ``text_encoder_2`` holds one.

    Parameters
    ----------
    parts
        Folders by the name of the part.
    """
    second = parts.get("text_encoder_2")
    numbers = ["", "_2"] if second and Path(second, "config.json").is_file() else [""]
    return [(Path(parts[f"tokenizer{number}"]), Path(parts[f"text_encoder{number}"])) for number in numbers]


def embed_texts(
    texts: Sequence[str], encoders: Sequence[tuple[str | Path, str | Path]]
) -> tuple[torch.Tensor, torch.Tensor | None]:
    """Return the texts' embeddings as the U-Net's cross-attention reads them, and the pooled ones that SDXL adds.

    Parameters
    ----------
    encoders
        Folders of tokenizer and text encoder: one pair for Stable Diffusion, whose last state is read; two for SDXL,
        whose last states but one are joined, and of which the second gives a text's pooled embedding.

    Returns
    -------
    (texts, tokens, width) float32, and (texts, width) float32 or None
    """
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    if len(encoders) == 1:
        return torch.cat([state for (state,) in _encode(texts, *encoders[0], CLIPTextModel, [-1])]), None
    first = _encode(texts, *encoders[0], CLIPTextModel, [-2])
    second = _encode(texts, *encoders[1], CLIPTextModelWithProjection, [-2, "pooled"])
    joined = [torch.cat([one, other], dim=-1) for (one,), (other, _) in zip(first, second, strict=True)]
    return torch.cat(joined), torch.cat([pooled for _, pooled in second])


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
