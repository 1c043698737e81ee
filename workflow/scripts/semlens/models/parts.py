"""The parts of a model: folders in diffusers' layout; an encoder of transformers is one part, in the model's own."""

from pathlib import Path

NETWORKS = ("unet", "transformer", "encoder")  # what is read: a model has one of them
PARTS = (
    *NETWORKS,
    "vae",
    *("tokenizer", "tokenizer_2", "tokenizer_3"),
    *("text_encoder", "text_encoder_2", "text_encoder_3"),
    "scheduler",
)


SETTINGS = {  # files of a part that are read beside its weights, where others lie in the same folder
    "encoder": ("config.json", "preprocessor_config.json", "processor_config.json"),
}


def locate_part(part: str) -> str:
    """Return where the files of a part lie in a model's folder."""
    return "." if part == "encoder" else part


def find_part_folder(model: str | Path, part: str) -> Path:
    """Return the folder of a part of a model's folder."""
    return Path(model, locate_part(part))
