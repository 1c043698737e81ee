"""One file in the original (CompVis) layout to a model's folders in diffusers layout."""

import pickle
import re
import shutil
import tempfile
import zipfile
from pathlib import Path

import torch

from semlens.models.part_files import check_complete
from semlens.runtime.logs import log

_UNET = "model.diffusion_model."


_OPEN_CLIP = {"text_encoder": "cond_stage_model.model.", "text_encoder_2": "conditioner.embedders.1.model."}


_TRAINING = (  # what the published .ckpt files hold beside weights
    "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint",
    "numpy.core.multiarray.scalar",
    "numpy.dtype",
)


def convert_checkpoint(file: str | Path, *, config: str | Path, folder: str | Path, allow_pickle: bool) -> None:
    """Write the model of one Stable Diffusion 1, 2 or XL ``file`` as ``folder``, which appears whole or not at all.

    Every weight keeps its values and its dtype. Where the file holds the U-Net twice, as trained and as its moving
    average, the average is taken, as in the published diffusers folders.

    Parameters
    ----------
    file
        ``.safetensors`` or ``.ckpt``, in the layout of the original code: ``model.diffusion_model``, and so on.
    config
        Folder in diffusers layout of a model of the same architecture. Its weights are neither needed nor read; its
        configuration, tokenizer and scheduler become those of ``folder``.
    allow_pickle
        Whether a ``.ckpt``, which is a pickle, may be opened. Even then none is that holds more than weights.

    Raises
    ------
    FileExistsError
        If ``folder`` is there already.
    FileNotFoundError
        If there is no ``file``.
    ValueError
        If something of ``config`` is missing, ``file`` is refused or broken, or its weights are not exactly those that
        ``config`` describes.
    """
    file, config, folder = Path(file), Path(config), Path(folder)
    if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
        raise FileExistsError(f"{folder} is there already; remove it to convert {file} again")
    encoders = [part for part in _OPEN_CLIP if part == "text_encoder" or (config / part).is_dir()]
    tokenizers = [part.replace("text_encoder", "tokenizer") for part in encoders]
    weighted = ["unet", "vae", *encoders]
    parts = [*weighted, *tokenizers, "scheduler"]
    for part in parts:
        try:
            check_complete(part, (path.name for path in (config / part).glob("*")), with_weights=False)
        except ValueError as error:
            raise ValueError(
                f"{config / part}: {error}; to convert {file}, {config} must hold the small files of a model of the "
                f"same architecture in diffusers layout ({', '.join(parts)})"
            ) from None
    weights = _averaged(_read(file, allow_pickle))
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as temporary:
        made = Path(temporary, folder.name)
        for part in weighted:
            try:
                _write_weights(part, weights, config / part, made / part)
            except ValueError as error:
                raise ValueError(f"{file} is not a model as in {config}: of its {part}, {error}") from error
            shutil.copyfile(config / part / "config.json", made / part / "config.json")
        for part in [*tokenizers, "scheduler"]:
            (made / part).mkdir()
            for small in (config / part).iterdir():
                shutil.copyfile(small, made / part / small.name)
        made.rename(folder)
    log.info("%s: converted %s into %s", file, ", ".join(weighted), folder)


def _read(file: Path, allow_pickle: bool) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    if not file.is_file():
        raise FileNotFoundError(f"there is no file {file}")
    if file.suffix == ".safetensors":
        try:
            return load_file(file)
        except SafetensorError as error:
            raise ValueError(f"{file} is truncated or no safetensors file ({error})") from error
    if file.suffix != ".ckpt":
        raise ValueError(f"{file} is neither a .safetensors nor a .ckpt file")
    if not allow_pickle:
        raise ValueError(
            f"{file} is refused: it is a pickle, and opening a pickle can run whatever program was put into it. Take "
            f"the .safetensors file of the same model; or, if you trust who made this one, set allow_pickle: true in "
            f"the model's source in the configuration"
        )
    return _unpickle(file)


class _Unread:
    """Stands in for an object that is no weight: holds nothing, does nothing."""

    def __init__(self, *_: object) -> None:
        pass

    def __setstate__(self, state: object) -> None:
        pass


def _unpickle(file: Path) -> dict[str, torch.Tensor]:
    try:
        with torch.serialization.safe_globals([(_Unread, name) for name in _TRAINING]):
            content = torch.load(file, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(file))
    except pickle.UnpicklingError as error:
        if held := re.search(r"GLOBAL (\S+)", str(error)):
            raise ValueError(
                f"{file} is refused, and was not run: beside weights it holds {held[1]}, which may be harmful; take "
                f"the .safetensors file of the same model"
            ) from error
        raise ValueError(f"{file} is truncated or no checkpoint") from error
    except Exception as error:  # bytes that are no checkpoint fail in any way
        raise ValueError(f"{file} is truncated or no checkpoint ({error})") from error
    while isinstance(content, dict) and "state_dict" in content:
        content = content["state_dict"]
    if not isinstance(content, dict):
        raise ValueError(f"{file} holds a {type(content).__name__}, not weights by name")
    return {name: value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _averaged(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return the weights, the U-Net's replaced by their moving average where there is one."""

    def average(name: str) -> str:
        return "model_ema." + name.removeprefix("model.").replace(".", "")

    return {
        name: weights.get(average(name), value) if name.startswith(_UNET) else value
        for name, value in weights.items()
        if not name.startswith("model_ema.")
    }


def _write_weights(part: str, weights: dict[str, torch.Tensor], config: Path, folder: Path) -> None:
    from safetensors.torch import save_file

    network, converted = _converted(part, weights, config)
    expected = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    found = {name: tuple(value.shape) for name, value in converted.items()}
    if missing := sorted(expected.keys() - found.keys()):
        raise ValueError(f"{len(missing)} of {len(expected)} weights are missing, such as {missing[0]}")
    if others := sorted(found.keys() - expected.keys()):
        raise ValueError(f"{len(others)} weights have no place in that architecture, such as {others[0]}")
    if misshapen := sorted(name for name in expected if found[name] != expected[name]):
        name = misshapen[0]
        raise ValueError(
            f"{len(misshapen)} of {len(expected)} weights have another shape, such as {name}: "
            f"{found[name]}, not {expected[name]}"
        )
    folder.mkdir(parents=True)
    file = folder / ("model.safetensors" if part in _OPEN_CLIP else "diffusion_pytorch_model.safetensors")
    save_file({name: value.contiguous() for name, value in converted.items()}, file, metadata={"format": "pt"})


def _converted(
    part: str, weights: dict[str, torch.Tensor], config: Path
) -> tuple[torch.nn.Module, dict[str, torch.Tensor]]:
    """Return the network that ``config`` describes, without memory of its own, and the file's weights for it."""
    from diffusers import AutoencoderKL, UNet2DConditionModel
    from diffusers.loaders import single_file_utils
    from transformers import CLIPTextConfig, CLIPTextModel, CLIPTextModelWithProjection

    with torch.device("meta"):
        if part == "unet":
            network = UNet2DConditionModel.from_config(UNet2DConditionModel.load_config(config))
        elif part == "vae":
            network = AutoencoderKL.from_config(AutoencoderKL.load_config(config))
        else:
            kind = CLIPTextModel if part == "text_encoder" else CLIPTextModelWithProjection
            network = kind(CLIPTextConfig.from_pretrained(config, local_files_only=True))
    try:
        if part == "unet":
            converted = single_file_utils.convert_ldm_unet_checkpoint(weights, network.config)
            known = {id(value) for value in converted.values()}
            converted |= {
                name: value for name, value in weights.items() if name.startswith(_UNET) and id(value) not in known
            }
        elif part == "vae":
            converted = single_file_utils.convert_ldm_vae_checkpoint(weights, network.config)
        elif any(name.startswith(_OPEN_CLIP[part]) for name in weights):
            converted = single_file_utils.convert_open_clip_checkpoint(network, weights, prefix=_OPEN_CLIP[part])
        else:
            converted = single_file_utils.convert_ldm_clip_checkpoint(weights) if part == "text_encoder" else {}
    except KeyError as error:
        raise ValueError(f"weight {error} is missing") from error
    converted = {name: value for name, value in converted.items() if value is not None}
    if part in _OPEN_CLIP:
        # Also in the file: where each token stands, and Stable Diffusion 2's last layer, whose output is not read.
        wanted = network.state_dict()
        named = {name if name in wanted else name.removeprefix("text_model."): name for name in converted}
        converted = {name: converted[named[name]] for name in wanted if name in named}
    return network, converted
