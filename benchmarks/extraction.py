"""Features of a timestep sweep: semlens against the plain way, in one run; and peak memory by number of images.

    python benchmarks/extraction.py                 # a full-size Stable Diffusion 1.5 with random weights, on the CPU
    python benchmarks/extraction.py --device cuda   # also: which part of the device's bfloat16 rate is reached
    python benchmarks/extraction.py --memory        # peak memory of encoding and extracting 1, 4 and 16 images

The plain way is what one writes first: for each image and timestep the VAE's encoder and the whole U-Net, batch 1,
float32, with a forward hook on the wanted layer. semlens encodes each image once and leaves the U-Net after the layer;
its times are those of its own functions from the image's file to the features' file, models' loading excluded on
both sides.
"""

import argparse
import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import measure
import numpy as np
import pandas as pd
import torch
from PIL import Image

from demo.layouts import write_coco
from semlens.extract import latents
from semlens.extract.feature_shards import extract_features
from semlens.extract.features import FeatureExtractor
from semlens.extract.latents import encode_images
from semlens.extract.settings import ExtractionSettings
from semlens.models import noise
from semlens.models.backbones import unet
from semlens.select.formats import load_format
from semlens.storage.shard_writer import create_shard

SIZE = 512
LAYER = "enc16.1"
TIMESTEPS = [0, 50] if "--toy" in sys.argv else [0, 1, 5, 10, 50, 200, 500]
DEMO = Path(__file__).parents[1] / "resources" / "demo" / "model"


def settings(file: str) -> dict[str, Any]:
    """What a part of the demo's model is built with."""
    return {key: value for key, value in json.loads((DEMO / file).read_text()).items() if not key.startswith("_")}


TINY_UNET, TINY_VAE = settings("unet/config.json"), settings("vae/config.json")
UNET = TINY_UNET | {
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
    "norm_num_groups": 32,
}
VAE = TINY_VAE | {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32}
# Multiply-adds of one 512 x 512 image, by hooks on every matrix product: the VAE's encoder, the U-Net up to enc16.1.
WORK = {"encode": 558e9, "extract": 104e9}


class Model:
    """Parts of a full-size or tiny Stable Diffusion 1.5 with random weights, in memory."""

    def __init__(self, toy: bool, device: str, dtype: torch.dtype) -> None:
        from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

        torch.manual_seed(0)
        network, vae = (TINY_UNET, TINY_VAE) if toy else (UNET, VAE)
        with torch.device(device):
            parts = [UNet2DConditionModel(**network), AutoencoderKL(**vae)]
        for part in parts:
            for values in (*part.parameters(), *part.buffers()):
                values.data = values.data.to(dtype)
        self.unet, self.vae = (part.eval().requires_grad_(False) for part in parts)
        self.signal = DDPMScheduler(**settings("scheduler/scheduler_config.json")).alphas_cumprod
        self.text = torch.randn(1, 77, network["cross_attention_dim"])

    @contextlib.contextmanager
    def loaded(self) -> Iterator[None]:
        """Let semlens take these parts for what it would read from a model's folders."""
        with (
            mock.patch.object(latents, "load_vae", lambda *_, **__: self.vae),
            mock.patch.object(unet, "load", lambda *_, **__: self.unet),
            mock.patch.object(noise, "read_alphas_cumprod", lambda *_: self.signal),
        ):
            yield


def write_images(folder: Path, count: int) -> None:
    """Scenes in COCO's layout and their manifest, ``manifest.parquet``."""
    write_coco(folder / "coco", images=count, seed=0, split="train2017")
    rows = pd.DataFrame(load_format("coco").read_instances(folder / "coco", ["train2017"], None))
    rows.assign(dataset="coco").to_parquet(folder / "manifest.parquet")


def plain(model: Model, folder: Path) -> np.ndarray:  # (images, timesteps, channels, 16, 16)
    """The features of every image as one writes it first."""
    device, dtype = model.unet.device, model.unet.dtype
    said = []
    module = model.unet.get_submodule("down_blocks.2.attentions.0")
    hook = module.register_forward_hook(lambda module, inputs, output: said.append(output[0].float().cpu().numpy()))
    shown = pd.read_parquet(folder / "manifest.parquet").drop_duplicates("image_id")
    with torch.no_grad():
        for file in shown["file"]:
            for timestep in TIMESTEPS:
                pixels = np.asarray(Image.open(folder / "coco" / file).convert("RGB").resize((SIZE, SIZE)), np.float32)
                pixels = torch.from_numpy(pixels.transpose(2, 0, 1)[None] / 127.5 - 1).to(device, dtype)
                latent = model.vae.encode(pixels).latent_dist.sample() * model.vae.config.scaling_factor
                drawn, signal = torch.randn_like(latent), model.signal[timestep]
                noisy = signal.sqrt() * latent + (1 - signal).sqrt() * drawn
                model.unet(noisy, timestep, encoder_hidden_states=model.text.to(device, dtype))
    hook.remove()
    return np.array(said).reshape(len(shown), len(TIMESTEPS), *said[0].shape[1:])


def encode(model: Model, folder: Path, batch_size: int) -> None:
    with model.loaded():
        encode_images(
            manifest=folder / "manifest.parquet",
            folder=folder / "coco",
            vae="",
            views=["identity"],
            seed=0,
            size=SIZE,
            resize="stretch",
            exif="ignore",
            dtype=str(model.vae.dtype).removeprefix("torch."),
            device=model.vae.device.type,
            batch_size=batch_size,
            out=folder / "latents.h5",
        )


def extract(model: Model, folder: Path, batch_size: int) -> None:
    with create_shard(folder / "prompt.h5", {}, {}) as shard:
        shard["embedding"] = model.text.numpy()
    with model.loaded():
        extractor = FeatureExtractor(
            ExtractionSettings(
                layers=[LAYER],
                timesteps=TIMESTEPS,
                posterior="sample",
                noise=True,
                inference_steps=None,
                seed=0,
                dtype=str(model.unet.dtype).removeprefix("torch."),
            ),
            family="unet",
            inputs={
                "latents": folder / "latents.h5",
                "prompt": folder / "prompt.h5",
                **dict.fromkeys(("network", "scheduler"), ""),
            },
            images={"size": SIZE},
            device=model.unet.device.type,
            batch_size=batch_size,
            names={"extraction": "sweep"},
        )
        extract_features(extractor, out=folder / "features.h5")


def matmul_rate(device: str, dtype: torch.dtype) -> float:
    """Multiply-adds per second of a large matrix product."""
    side = 8192 if device == "cuda" else 2048
    a = torch.rand(side, side, device=device, dtype=dtype)
    seconds = []
    for _ in range(5):
        start = time.perf_counter()
        (a @ a)[0, 0].item()
        seconds.append(time.perf_counter() - start)
    return side**3 / min(seconds)


def against_plain(arguments: argparse.Namespace) -> list[dict[str, object]]:
    """Per image: the plain way in float32 beside semlens, which on a GPU computes in bfloat16."""
    device = arguments.device
    fast = torch.float32 if device == "cpu" else torch.bfloat16
    model = Model(arguments.toy, device, torch.float32)
    ours = model if fast == torch.float32 else Model(arguments.toy, device, fast)
    with tempfile.TemporaryDirectory() as few, tempfile.TemporaryDirectory() as many:
        plainly, folder = Path(few), Path(many)
        write_images(plainly, 1)
        write_images(folder, arguments.images)
        work = {
            "plain": lambda: plain(model, plainly),
            "encode": lambda: encode(ours, folder, arguments.batch_size),
            "extract": lambda: extract(ours, folder, arguments.batch_size),
        }
        for do in list(work.values())[1 if device == "cpu" else 0 :]:
            do()  # the first is slow
        seconds = measure.timed(work, arguments.runs)
    images = arguments.images
    both = [(a + b) / images for a, b in zip(seconds["encode"], seconds["extract"], strict=True)]
    multiplied = WORK["encode"] + len(TIMESTEPS) * WORK["extract"]
    rate = matmul_rate(device, fast)
    return [
        {
            "device, dtype, batch": f"{device}, {str(fast).removeprefix('torch.')}, {arguments.batch_size}",
            "plain, s per image": measure.spread(seconds["plain"]),
            "semlens, s per image": measure.spread(both),
            "times faster": measure.spread(measure.ratios(seconds["plain"], both)),
            "of which encoding, s": measure.spread([value / images for value in seconds["encode"]]),
            "of the rate of a matrix product": measure.spread([multiplied / value / rate for value in both], 2),
        }
    ]


def memory(toy: bool, batch_size: int, runs: int) -> list[dict[str, object]]:
    """Peak memory of encoding and extracting, a process of its own per number of images."""
    rows = []
    for images in (1,) if toy else (1, 4, 16):
        command = [sys.executable, __file__, "--once", "--images", str(images), "--batch-size", str(batch_size)]
        seconds, peaks = measure.in_processes([*command, "--toy"] if toy else command, runs)
        rows.append({"images": images, "peak, GB": measure.spread(peaks), "s": measure.spread(seconds)})
    return rows


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--images", type=int, default=2, help="that semlens reads in a run; the plain way reads one")
    parser.add_argument("--batch-size", type=int, default=1)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--memory", action="store_true", help="peak memory by number of images")
    parser.add_argument("--toy", action="store_true", help="a tiny model: seconds that say nothing")
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.once:
        with tempfile.TemporaryDirectory() as name:
            write_images(Path(name), options.images)
            small = Model(options.toy, options.device, torch.float32)
            encode(small, Path(name), options.batch_size)
            extract(small, Path(name), options.batch_size)
    else:
        table = memory(options.toy, options.batch_size, options.runs) if options.memory else against_plain(options)
        measure.report(table, "torch", "diffusers")
