"""Train the demo's model from nothing: a small Stable Diffusion of the demo's scenes.

Scenes, latents and unfinished networks are kept in a folder of work: a run that was cut off continues there.
"""

import argparse
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from matplotlib.figure import Figure
from PIL import Image

from demo.scenes import compose_still
from semlens.runtime.devices import resolve_device
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log, log_job, open_progress, show_progress
from semlens.select.class_names import VOC_CLASSES

Config = dict[str, Any]


def draw_scenes(config: Config, work: Path) -> tuple[np.ndarray, list[str]]:
    """Return images (scenes, size, size, 3) uint8, mapped from a file, and their prompts."""
    count, size = config["scenes"], config["vae"]["model"]["sample_size"]
    file, prompts = work / "scenes.npy", work / "prompts.json"
    if not prompts.is_file():
        images = np.lib.format.open_memmap(file, "w+", np.uint8, (count, size, size, 3))
        texts = []
        for number in show_progress(range(count), total=count, what="drawing", unit="scenes"):
            scene = compose_still(config["seed"], "training", number)
            images[number] = scene.image.resize((size, size), Image.Resampling.BICUBIC)
            texts.append(", ".join(sorted(set(scene.class_names.values()))))
        images.flush()
        prompts.write_text(json.dumps(texts))
    return np.load(file, mmap_mode="r"), json.loads(prompts.read_text(encoding="utf-8"))


def crop_randomly(rng: np.random.Generator, maps: np.ndarray, side: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (batch,) of random maps, and a random square of each, (batch, side, side, channels)."""
    drawn = rng.integers(len(maps), size=batch)
    top, left = rng.integers(maps.shape[1] - side + 1, size=(2, batch))
    return drawn, np.stack([maps[k, y : y + side, x : x + side] for k, y, x in zip(drawn, top, left, strict=True)])


class Run:
    """The training of one network: its optimizer, its loss at each step, and the file that a later start resumes."""

    def __init__(self, work: Path, name: str, network: torch.nn.Module, *, save_every: int, device: torch.device):
        self.file, self.network, self.name, self.save_every = work / f"{name}.pt", network, name, save_every
        self.optimizer = torch.optim.AdamW(network.parameters(), lr=0, weight_decay=0.01)
        self.losses: list[float] = []
        self.extra: dict[str, torch.Tensor] = {}
        if self.file.is_file():
            state = torch.load(self.file, weights_only=True, map_location=device)
            network.load_state_dict(state["network"])
            self.optimizer.load_state_dict(state["optimizer"])
            self.losses, self.extra = state["losses"].tolist(), state["extra"]

    def iterate_steps(self, total: int, seed: int) -> Iterator[tuple[int, np.random.Generator]]:
        """Yield each step that is left, and its random numbers."""
        with open_progress(total=total, what=self.name, unit="steps") as count:
            count(len(self.losses))
            for step in range(len(self.losses), total):
                torch.manual_seed(seed + step)
                yield step, np.random.default_rng([seed, step])
                count(1)
                if (step + 1) % self.save_every == 0 or step + 1 == total:
                    self._save()

    def update(self, loss: torch.Tensor, rate: float) -> None:
        """Change the network by one step down the gradient of the loss."""
        self.optimizer.param_groups[0]["lr"] = rate
        self.optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 1.0)
        self.optimizer.step()
        self.losses.append(loss.item())

    def _save(self) -> None:
        state = {
            "network": self.network.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "losses": torch.tensor(self.losses),
            "extra": self.extra,
        }
        with write_atomically(self.file) as file:
            torch.save(state, file)


def train_vae(
    config: Config, images: np.ndarray, work: Path, device: torch.device
) -> tuple[torch.nn.Module, list[float]]:
    """Return a VAE that restores crops of the scenes, and its loss: absolute error and a weighted KL term."""
    from diffusers import AutoencoderKL

    settings = config["vae"]
    torch.manual_seed(config["seed"])
    vae = AutoencoderKL(**settings["model"]).to(device, memory_format=torch.channels_last)
    run = Run(work, "vae", vae, save_every=config["save_every"], device=device)
    for step, rng in run.iterate_steps(settings["steps"], config["seed"]):
        _, squares = crop_randomly(rng, images, settings["side"], settings["batch"])
        batch = (torch.from_numpy(squares).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(
            memory_format=torch.channels_last
        )
        posterior = vae.encode(batch).latent_dist
        error = (vae.decode(posterior.sample()).sample - batch).abs().mean()
        run.update(
            error + settings["kl"] * posterior.kl().sum() / posterior.mean.numel(),
            _schedule_rate(settings["learning_rate"], step, settings["steps"]),
        )
    return vae.eval().requires_grad_(False), run.losses


def _schedule_rate(highest: float, step: int, steps: int) -> float:
    """Return a learning rate that rises over a hundred steps and falls over the last fifth."""
    return highest * min(1, (step + 1) / 100, 5 * (1 - step / steps))


def encode_scenes(
    vae: torch.nn.Module, images: np.ndarray, work: Path, device: torch.device
) -> tuple[np.ndarray, float]:
    """Return latents (scenes, side, side, channels) float32 of unit variance, and their standard deviation before."""
    file = work / "latents.npy"
    if not file.is_file():
        means = []
        for image in show_progress(images, total=len(images), what="encoding", unit="scenes"):
            batch = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
            means.append(vae.encode(batch).latent_dist.mean[0].permute(1, 2, 0).cpu().numpy())
        with write_atomically(file) as partial, partial.open("wb") as out:
            np.save(out, np.stack(means))
    latents = np.load(file)
    spread = float(latents.std())
    return latents / spread, spread


class Denoiser(torch.nn.Module):
    """The U-Net and its text encoder, trained together."""

    def __init__(self, config: Config, tokenizer: Any):
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        super().__init__()
        self.unet = UNet2DConditionModel(**config["unet"]["model"])
        specials = {"bos_token_id": tokenizer.bos_token_id, "eos_token_id": tokenizer.eos_token_id}
        text = CLIPTextConfig(
            **config["unet"]["text_encoder"], **specials, pad_token_id=tokenizer.eos_token_id, vocab_size=len(tokenizer)
        )
        self.text_encoder = CLIPTextModel(text)

    def forward(self, noised: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        prompts, which = tokens.unique(dim=0, return_inverse=True)
        return self.unet(noised, timesteps, self.text_encoder(prompts).last_hidden_state[which]).sample


def train_denoiser(
    config: Config, latents: np.ndarray, prompts: list[str], tokenizer: Any, work: Path, device: torch.device
) -> tuple[Denoiser, list[float]]:
    """Return the denoiser with averaged weights, and its loss at each step: the squared error of the noise."""
    from diffusers import DDPMScheduler

    settings = config["unet"]
    torch.manual_seed(config["seed"])
    denoiser = Denoiser(config, tokenizer).to(device, memory_format=torch.channels_last)
    run = Run(work, "denoiser", denoiser, save_every=config["save_every"], device=device)
    average = run.extra = run.extra or {name: value.clone() for name, value in denoiser.state_dict().items()}
    prompted = tokenizer(prompts, padding="max_length", return_tensors="pt").input_ids
    unprompted = tokenizer("", padding="max_length", return_tensors="pt").input_ids[0]
    scheduler = DDPMScheduler(**config["scheduler"])
    ends = np.cumsum([phase["steps"] for phase in settings["phases"]])
    for step, rng in run.iterate_steps(int(ends[-1]), config["seed"]):
        phase = settings["phases"][np.searchsorted(ends, step, side="right")]
        drawn, squares = crop_randomly(rng, latents, phase["side"], phase["batch"])
        clean = torch.from_numpy(squares).permute(0, 3, 1, 2)
        noise = torch.randn_like(clean)
        timesteps = torch.randint(scheduler.config.num_train_timesteps, (len(clean),))
        noised = scheduler.add_noise(clean, noise, timesteps).to(device, memory_format=torch.channels_last)
        silent = torch.rand(len(clean), 1) < settings["empty_prompts"]
        tokens = torch.where(silent, unprompted, prompted[drawn])
        predicted = denoiser(noised, timesteps.to(device), tokens.to(device))
        run.update(
            (predicted - noise.to(device)).square().mean(), _schedule_rate(phase["learning_rate"], step, int(ends[-1]))
        )
        for name, value in denoiser.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - min(settings["averaged"], (step + 1) / (step + 10)))
    denoiser.load_state_dict(average)
    return denoiser.eval().requires_grad_(False), run.losses


def write_tokenizer(folder: Path) -> None:
    """Write a tokenizer in CLIP's byte-pair format, whose merges make the name of each class one token."""
    letters = [chr(byte) for byte in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + place) for place in range(256 - len(letters))]
    merges: dict[tuple[str, str], None] = {}
    for name in sorted(VOC_CLASSES):
        parts = [*name[:-1], f"{name[-1]}</w>"]
        for end in range(1, len(parts)):
            merges[("".join(parts[:end]), parts[end])] = None
    words = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{left} {right}\n" for left, right in merges))
    specials = {"bos_token": words[-2], "eos_token": words[-1], "unk_token": words[-1], "pad_token": words[-1]}
    (folder / "special_tokens_map.json").write_text(json.dumps(specials))
    config = {**specials, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_model(folder: Path, config: Config, vae: torch.nn.Module, denoiser: Denoiser, scale: float) -> None:
    """Write the pipeline as folders in diffusers layout beside its tokenizer, weights in half precision."""
    from diffusers import DDPMScheduler

    vae.register_to_config(scaling_factor=scale)
    for part, network in (("vae", vae), ("unet", denoiser.unet), ("text_encoder", denoiser.text_encoder)):
        network.half().save_pretrained(folder / part)
        network.float()
    DDPMScheduler(**config["scheduler"]).save_pretrained(folder / "scheduler")
    index = {
        "_class_name": "StableDiffusionPipeline",
        "unet": ["diffusers", "UNet2DConditionModel"],
        "vae": ["diffusers", "AutoencoderKL"],
        "text_encoder": ["transformers", "CLIPTextModel"],
        "tokenizer": ["transformers", "CLIPTokenizer"],
        "scheduler": ["diffusers", "DDPMScheduler"],
    }
    (folder / "model_index.json").write_text(json.dumps(index, indent=2))


def draw_losses(losses: dict[str, list[float]], out: Path) -> None:
    """Draw the loss of each network at each step, averaged over fifty."""
    figure = Figure(figsize=(9, 3), layout="constrained")
    for axes, (name, values) in zip(figure.subplots(1, len(losses)), losses.items(), strict=True):
        axes.plot(pd.Series(values).rolling(50, min_periods=1).mean())
        axes.set(title=name, xlabel="step", ylabel="loss", yscale="log")
    figure.savefig(out, dpi=100)


def draw_samples(model: Path, settings: Config, seed: int, out: Path, device: torch.device) -> None:
    """Draw the image that the pipeline makes of each prompt, from the same noise."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(
        model, torch_dtype=torch.float32, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    ).to(device)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    columns = (len(settings["prompts"]) + 1) // 2
    figure = Figure(figsize=(3 * columns, 6.6), layout="constrained")
    for axes, prompt in zip(figure.subplots(2, columns, squeeze=False).flat, settings["prompts"], strict=False):
        noise = torch.Generator().manual_seed(seed)
        options = {"num_inference_steps": settings["steps"], "guidance_scale": settings["guidance"], "generator": noise}
        axes.imshow(pipeline(prompt, **options).images[0])
        axes.set_title(prompt or "(empty prompt)")
        axes.set_axis_off()
    figure.savefig(out, dpi=60)


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=Path("resources/demo/training.yaml"), help="default: %(default)s"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--work", type=Path, required=True, help="folder of scenes, latents and unfinished networks")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps; default: cpu")
    arguments = parser.parse_args()
    config = yaml.safe_load(arguments.config.read_text(encoding="utf-8"))
    arguments.work.mkdir(parents=True, exist_ok=True)
    settings = arguments.work / "training.yaml"
    if settings.is_file() and yaml.safe_load(settings.read_text(encoding="utf-8")) != config:
        parser.error(
            f"{arguments.work} holds a training with other settings ({settings}); remove it, or name another --work"
        )
    with write_atomically(settings) as file:
        file.write_text(yaml.safe_dump(config))
    with log_job(arguments.work / "train.log"):
        if config["threads"]:
            torch.set_num_threads(config["threads"])
        train(config, arguments.out, arguments.work, resolve_device(arguments.device))


def train(config: Config, out: Path, work: Path, device: torch.device) -> None:
    """Train both networks and write the model, its losses and samples."""
    from transformers import CLIPTokenizer

    images, prompts = draw_scenes(config, work)
    vae, vae_losses = train_vae(config, images, work, device)
    latents, spread = encode_scenes(vae, images, work, device)
    write_tokenizer(out / "tokenizer")
    tokenizer = CLIPTokenizer.from_pretrained(out / "tokenizer")
    denoiser, losses = train_denoiser(config, latents, prompts, tokenizer, work, device)
    write_model(out, config, vae, denoiser, scale=1 / spread)
    draw_losses({"VAE": vae_losses, "U-Net and text encoder": losses}, out / "losses.png")
    draw_samples(out, config["samples"], config["seed"], out / "samples.png", device)
    log.info("the model is in %s", out)


if __name__ == "__main__":
    main()
