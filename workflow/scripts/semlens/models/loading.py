"""Networks from a model's folder, in diffusers' layout or transformers': weights from safetensors only."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from semlens.models.part_files import name_class, read_config
from semlens.runtime.logs import log

if TYPE_CHECKING:
    import torch


def load_vae(folder: str | Path, *, device: "torch.device", dtype: "torch.dtype") -> "torch.nn.Module":
    """Return the VAE of a ``vae`` folder, ready to encode: an ``AutoencoderKL``, or Sana's ``AutoencoderDC``."""
    from diffusers import AutoencoderDC, AutoencoderKL

    require_file(Path(folder) / "config.json", "VAE")
    deep = name_class(read_config(Path(folder) / "config.json")) == "AutoencoderDC"
    vae = load_part(AutoencoderDC if deep else AutoencoderKL, folder, "VAE", dtype)
    return vae.to(device).eval().requires_grad_(False)


def load_part(kind: type, folder: str | Path, part: str, dtype: "torch.dtype") -> "torch.nn.Module":
    """Return a network of a model's folder, its weights all read from safetensors.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the part and the folder, if it is not such a network, or a weight is missing.
    """
    from safetensors import SafetensorError

    check_kind(kind, folder, part)
    try:
        model, loaded = kind.from_pretrained(
            folder,
            use_safetensors=True,
            torch_dtype=dtype,
            local_files_only=True,
            low_cpu_mem_usage=False,
            output_loading_info=True,
        )
        return require_complete(model, loaded)
    except (OSError, ValueError, SafetensorError) as error:
        raise ValueError(f"the {part} in {folder} cannot be loaded: {error}") from error


def load_network(
    kind: type,
    folder: str | Path,
    part: str,
    check_config: Callable[[Mapping[str, Any]], None],
    *,
    device: "torch.device",
    dtype: "torch.dtype",
) -> "torch.nn.Module":
    """Return a network of diffusers, frozen, whose configuration its family accepts.

    Raises
    ------
    FileNotFoundError, ValueError
        As :func:`load_part`; or naming the folder and what the family refuses.
    """
    network = load_part(kind, folder, part, dtype)
    try:
        check_config(network.config)
    except ValueError as error:
        raise ValueError(f"the model in {folder} cannot be read: {error}") from None
    return network.to(device).eval().requires_grad_(False)


def write_untrained_network(kind: type, config_file: str | Path, part: str, out: str | Path, *, seed: int) -> None:
    """Write a network built as another's ``config.json`` says, with the initial weights that diffusers gives it.

    Raises
    ------
    FileNotFoundError, ValueError
        If there is no such file, or it is that of another class.
    """
    import torch

    folder = Path(config_file).parent
    check_kind(kind, folder, part)
    torch.manual_seed(seed)
    kind.from_config(kind.load_config(folder, local_files_only=True)).save_pretrained(out)
    log.info("%s: a %s with random weights of seed %d, built as %s says", out, part, seed, config_file)


@contextmanager
def silence_transformers() -> Iterator[None]:
    """Let transformers neither report weights that are not read, nor show how far it is, while the block runs."""
    from transformers.utils import logging

    verbosity, shows_progress = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if shows_progress:
            logging.enable_progress_bar()


def load_encoder(
    folder: str | Path, networks: Mapping[str, str], dtype: "torch.dtype", **building: Any
) -> "torch.nn.Module":
    """Return an image encoder of transformers, its weights all read from safetensors.

    Parameters
    ----------
    networks
        The class by the ``model_type`` of ``config.json``.
    building
        What the class is built with beside its configuration.

    Raises
    ------
    FileNotFoundError, ValueError
        Naming the folder, if it is of another type, or a weight is missing.
    """
    from safetensors import SafetensorError

    kind, config = _find_encoder(folder, networks)
    try:
        with silence_transformers():
            network, loaded = kind.from_pretrained(
                folder,
                config=config,
                use_safetensors=True,
                dtype=dtype,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                **building,
            )
        return require_complete(network, loaded)
    except (OSError, ValueError, SafetensorError) as error:
        raise ValueError(f"the encoder in {folder} cannot be loaded: {error}") from error


def make_untrained_encoder(
    folder: str | Path, networks: Mapping[str, str], seed: int, **building: Any
) -> "torch.nn.Module":
    """Return such an encoder with the initial weights that transformers gives it."""
    import torch

    kind, config = _find_encoder(folder, networks)
    torch.manual_seed(seed)
    return kind(config, **building)


def _find_encoder(folder: str | Path, networks: Mapping[str, str]) -> tuple[type, Any]:
    """Return the class of an encoder and its configuration: of a model of text and images, that of the images."""
    import transformers

    require_file(Path(folder) / "config.json", "encoder")
    config = read_config(Path(folder) / "config.json")
    name = networks.get(config.get("model_type"))
    if name is None:
        raise ValueError(
            f"the encoder in {folder} cannot be loaded: it is of type {config.get('model_type')}, not "
            f"{' or '.join(networks)}"
        )
    vision = {key: value for key, value in (config.get("vision_config") or config).items() if key != "model_type"}
    return getattr(transformers, name), getattr(transformers, name.replace("Model", "Config"))(**vision)


def check_kind(kind: type, folder: str | Path, part: str) -> None:
    """Refuse a folder whose ``config.json`` is that of another class."""
    require_file(Path(folder) / "config.json", part)
    found = name_class(read_config(Path(folder) / "config.json"))
    if found != kind.__name__:
        raise ValueError(f"the {part} in {folder} cannot be loaded: it is a {found}, not a {kind.__name__}")


def require_complete(model: "torch.nn.Module", loaded: dict) -> "torch.nn.Module":
    """Return the network; refuse it where the libraries would fill weights with random numbers."""
    if missing := sorted(loaded["missing_keys"]):
        raise ValueError(f"{len(missing)} of its weights are missing, such as {missing[0]}")
    if other := sorted(key if isinstance(key, str) else key[0] for key in loaded.get("mismatched_keys", ())):
        raise ValueError(f"{len(other)} of its weights have another shape than config.json says, such as {other[0]}")
    return model


def require_file(file: Path, part: str) -> None:
    """Refuse a folder that lacks a file."""
    if not file.is_file():
        raise FileNotFoundError(
            f"no {part} in {file.parent}: {file.name} is missing; a model is a folder in diffusers layout, or an image "
            f"encoder in that of transformers"
        )
