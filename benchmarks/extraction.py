"""Features of a timestep sweep: semlens against the plain way, in one run; and peak memory by number of images.

    python benchmarks/extraction.py                 # a full-size Stable Diffusion 1.5 with random weights, on the CPU
    python benchmarks/extraction.py --device cuda   # also: which part of the device's bfloat16 rate is reached
    python benchmarks/extraction.py --memory        # peak memory of encoding and extracting 4, 16 and 64 images

The plain way is what one writes first: for each image and timestep the VAE's encoder and the whole U-Net, batch 1,
float32, with a forward hook on the wanted layer. semlens encodes each image once and leaves the U-Net after the layer;
its times are those of its own functions from the picture's file to the features' file, models' loading excluded on
both sides.
"""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pandas as pd
import torch
from semlens import images, models, scenes, selection, tiny

SIZE = 512
LAYER = "enc16.1"
TIMESTEPS = [0, 1, 5, 10, 50, 200, 500]
UNET = tiny.UNET | {
    "block_out_channels": (320, 640, 1280, 1280),
    "attention_head_dim": 8,
    "cross_attention_dim": 768,
    "norm_num_groups": 32,
}
VAE = tiny.VAE | {"block_out_channels": (128, 256, 512, 512), "layers_per_block": 2, "norm_num_groups": 32}
# Multiply-adds of one 512 x 512 picture, by hooks on every matrix product: the VAE's encoder, the U-Net up to enc16.1.
WORK = {"encode": 558e9, "extract": 104e9}


class Model:
    """Parts of a full-size or tiny Stable Diffusion 1.5 with random weights, in memory."""

    def __init__(self, toy: bool, device: torch.device, dtype: torch.dtype) -> None:
        from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

        torch.manual_seed(0)
        unet, vae = (tiny.UNET, tiny.VAE) if toy else (UNET, VAE)
        with torch.device(device):
            self.unet = UNet2DConditionModel(**unet).to(dtype).eval().requires_grad_(False)
            self.vae = AutoencoderKL(**vae).to(dtype).eval().requires_grad_(False)
        self.signal = DDPMScheduler(**tiny.SCHEDULER).alphas_cumprod
        self.text = torch.randn(1, 77, unet["cross_attention_dim"])

    @contextlib.contextmanager
    def loaded(self) -> Iterator[None]:
        """Let semlens take these parts for what it would read from a model's folders."""
        with (
            mock.patch.object(models, "load_vae", lambda *_, **__: self.vae),
            mock.patch.object(models, "load_unet", lambda *_, **__: self.unet),
            mock.patch.object(models, "alphas_cumprod", lambda *_: self.signal),
        ):
            yield


class Pictures:
    """Rendered scenes in COCO's layout, and their manifest."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.manifest = folder / "coco", folder / "manifest.parquet"
        scenes.write_coco(self.folder, images=count, seed=0, split="train2017")
        source = {"format": "coco", "folder": self.folder, "splits": ["train2017"]}
        selection.index(dataset="coco", source=source, out=folder / "index.parquet")
        selection.select(
            dataset="coco",
            source=source,
            index=folder / "index.parquet",
            criteria={"classes": None, "min_area": 0.0, "min_area_of": "instance", "seed": 0},
            published=None,
            images=(0, count),
            out=self.manifest,
        )
        self.files = [
            images.image_path(self.folder, file)
            for file in pd.read_parquet(self.manifest).drop_duplicates("image_id")["file"]
        ]
