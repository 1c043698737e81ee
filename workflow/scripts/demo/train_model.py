"""Train the demo's model from nothing: a small Stable Diffusion of the demo's scenes.

What is drawn, learned and measured on the way is kept in a folder of work: a run that was cut off goes on from there.
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

from demo import scenes
from semlens.runtime.devices import resolve_device
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log, log_job, open_progress, show_progress

Config = dict[str, Any]


def draw_scenes(config: Config, work: Path) -> tuple[np.ndarray, list[str]]:
    """Return (scenes, size, size, 3) uint8 pictures, mapped from a file, and their prompts."""
    count, size = config["scenes"], config["vae"]["model"]["sample_size"]
    file, prompts = work / "scenes.npy", work / "prompts.json"
    if not prompts.is_file():
        pictures = np.lib.format.open_memmap(file, "w+", np.uint8, (count, size, size, 3))
        texts = []
        for number in show_progress(range(count), total=count, what="drawing", unit="scenes"):
            scene = scenes.still_scene(config["seed"], "training", number)
            pictures[number] = scene.picture.resize((size, size), Image.Resampling.BICUBIC)
            texts.append(", ".join(sorted(set(scene.categories.values()))))
        pictures.flush()
        prompts.write_text(json.dumps(texts))
    return np.load(file, mmap_mode="r"), json.loads(prompts.read_text())


def crops(rng: np.random.Generator, maps: np.ndarray, side: int, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Return which maps (batch,) were drawn and a random square of each, (batch, side, side, channels)."""
    drawn = rng.integers(len(maps), size=batch)
    top, left = rng.integers(maps.shape[1] - side + 1, size=(2, batch))
    return drawn, np.stack([maps[k, y : y + side, x : x + side] for k, y, x in zip(drawn, top, left, strict=True)])


class Run:
    """The steps of one network's training: its optimizer, the loss at each step, and what a later start resumes."""

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

    def steps(self, total: int, seed: int) -> Iterator[tuple[int, np.random.Generator]]:
        """Yield each step that is left, with random numbers of its own."""
        with open_progress(total=total, what=self.name, unit="steps") as count:
            count(len(self.losses))
            for step in range(len(self.losses), total):
                torch.manual_seed(seed + step)
                yield step, np.random.default_rng([seed, step])
                count(1)
                if (step + 1) % self.save_every == 0 or step + 1 == total:
                    self._save()

    def learn(self, loss: torch.Tensor, rate: float) -> None:
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
    config: Config, pictures: np.ndarray, work: Path, device: torch.device
) -> tuple[torch.nn.Module, list[float]]:
    """Return a VAE that restores crops of the scenes, and its loss: absolute error and a faint pull to a normal."""
    from diffusers import AutoencoderKL

    wanted = config["vae"]
    torch.manual_seed(config["seed"])
    vae = AutoencoderKL(**wanted["model"]).to(device, memory_format=torch.channels_last)
    run = Run(work, "vae", vae, save_every=config["save_every"], device=device)
    for step, rng in run.steps(wanted["steps"], config["seed"]):
        _, seen = crops(rng, pictures, wanted["side"], wanted["batch"])
        batch = (torch.from_numpy(seen).to(device).permute(0, 3, 1, 2).float() / 127.5 - 1).contiguous(
            memory_format=torch.channels_last
        )
        posterior = vae.encode(batch).latent_dist
        error = (vae.decode(posterior.sample()).sample - batch).abs().mean()
        run.learn(
            error + wanted["kl"] * posterior.kl().sum() / posterior.mean.numel(),
            _rate(wanted["learning_rate"], step, wanted["steps"]),
        )
    return vae.eval().requires_grad_(False), run.losses


def _rate(highest: float, step: int, steps: int) -> float:
    """A learning rate that rises over a hundred steps and falls over the last fifth."""
    return highest * min(1, (step + 1) / 100, 5 * (1 - step / steps))


def encode_scenes(
    vae: torch.nn.Module, pictures: np.ndarray, work: Path, device: torch.device
) -> tuple[np.ndarray, float]:
    """Return latents (scenes, side, side, channels) float32 of unit variance, and what they were divided by."""
    file = work / "latents.npy"
    if not file.is_file():
        means = []
        for picture in show_progress(pictures, total=len(pictures), what="encoding", unit="scenes"):
            batch = torch.from_numpy(picture).to(device).permute(2, 0, 1)[None].float() / 127.5 - 1
            means.append(vae.encode(batch).latent_dist.mean[0].permute(1, 2, 0).cpu().numpy())
        with write_atomically(file) as partial, partial.open("wb") as out:
            np.save(out, np.stack(means))
    latents = np.load(file)
    spread = float(latents.std())
    return latents / spread, spread


class Denoiser(torch.nn.Module):
    """The U-Net and the text encoder that it listens to, trained together."""

    def __init__(self, config: Config, words: Any):
        from diffusers import UNet2DConditionModel
        from transformers import CLIPTextConfig, CLIPTextModel

        super().__init__()
        self.unet = UNet2DConditionModel(**config["unet"]["model"])
        specials = {"bos_token_id": words.bos_token_id, "eos_token_id": words.eos_token_id}
        text = CLIPTextConfig(
            **config["unet"]["text_encoder"], **specials, pad_token_id=words.eos_token_id, vocab_size=len(words)
        )
        self.text_encoder = CLIPTextModel(text)

    def forward(self, noised: torch.Tensor, timesteps: torch.Tensor, tokens: torch.Tensor) -> torch.Tensor:
        different, which = tokens.unique(dim=0, return_inverse=True)
        return self.unet(noised, timesteps, self.text_encoder(different).last_hidden_state[which]).sample


def train_denoiser(
    config: Config, latents: np.ndarray, prompts: list[str], words: Any, work: Path, device: torch.device
) -> tuple[Denoiser, list[float]]:
    """Return the denoiser with averaged weights, and its loss at each step: the error of the noise that it predicts."""
    from diffusers import DDPMScheduler

    wanted = config["unet"]
    torch.manual_seed(config["seed"])
    denoiser = Denoiser(config, words).to(device, memory_format=torch.channels_last)
    run = Run(work, "denoiser", denoiser, save_every=config["save_every"], device=device)
    average = run.extra = run.extra or {name: value.clone() for name, value in denoiser.state_dict().items()}
    told = words(prompts, padding="max_length", return_tensors="pt").input_ids
    untold = words("", padding="max_length", return_tensors="pt").input_ids[0]
    scheduler = DDPMScheduler(**config["scheduler"])
    ends = np.cumsum([phase["steps"] for phase in wanted["phases"]])
    for step, rng in run.steps(int(ends[-1]), config["seed"]):
        phase = wanted["phases"][np.searchsorted(ends, step, side="right")]
        drawn, seen = crops(rng, latents, phase["side"], phase["batch"])
        clean = torch.from_numpy(seen).permute(0, 3, 1, 2)
        noise = torch.randn_like(clean)
        timesteps = torch.randint(scheduler.config.num_train_timesteps, (len(clean),))
        noised = scheduler.add_noise(clean, noise, timesteps).to(device, memory_format=torch.channels_last)
        silent = torch.rand(len(clean), 1) < wanted["empty_prompts"]
        tokens = torch.where(silent, untold, told[drawn])
        said = denoiser(noised, timesteps.to(device), tokens.to(device))
        run.learn((said - noise.to(device)).square().mean(), _rate(phase["learning_rate"], step, int(ends[-1])))
        for name, value in denoiser.state_dict().items():
            if value.is_floating_point():
                average[name].lerp_(value, 1 - min(wanted["averaged"], (step + 1) / (step + 10)))
    denoiser.load_state_dict(average)
    return denoiser.eval().requires_grad_(False), run.losses


def write_tokenizer(folder: Path) -> None:
    """Write CLIP's byte-pair format: bytes, and merges that make one token of the name of each class."""
    letters = [chr(byte) for byte in (*range(33, 127), *range(161, 173), *range(174, 256))]
    letters += [chr(256 + place) for place in range(256 - len(letters))]
    merges: dict[tuple[str, str], None] = {}
    for name in sorted(scenes.COCO_CATEGORIES):
        parts = [*name[:-1], f"{name[-1]}</w>"]
        for end in range(1, len(parts)):
            merges[("".join(parts[:end]), parts[end])] = None
    words = [*letters, *(letter + "</w>" for letter in letters), *map("".join, merges)]
    words += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({word: place for place, word in enumerate(words)}))
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(f"{one} {other}\n" for one, other in merges))
    specials = {"bos_token": words[-2], "eos_token": words[-1], "unk_token": words[-1], "pad_token": words[-1]}
    (folder / "special_tokens_map.json").write_text(json.dumps(specials))
    config = {**specials, "model_max_length": 77, "tokenizer_class": "CLIPTokenizer"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))


def write_model(folder: Path, config: Config, vae: torch.nn.Module, denoiser: Denoiser, scale: float) -> None:
    """Write the pipeline as diffusers folders beside its tokenizer, weights in half precision."""
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


def draw_samples(model: Path, wanted: Config, seed: int, out: Path, device: torch.device) -> None:
    """Draw what the pipeline makes of each prompt, from the same noise."""
    from diffusers import DDIMScheduler, StableDiffusionPipeline

    pipeline = StableDiffusionPipeline.from_pretrained(
        model, torch_dtype=torch.float32, safety_checker=None, feature_extractor=None, requires_safety_checker=False
    ).to(device)
    pipeline.scheduler = DDIMScheduler.from_config(pipeline.scheduler.config)
    columns = (len(wanted["prompts"]) + 1) // 2
    figure = Figure(figsize=(3 * columns, 6.6), layout="constrained")
    for axes, prompt in zip(figure.subplots(2, columns, squeeze=False).flat, wanted["prompts"], strict=False):
        noise = torch.Generator().manual_seed(seed)
        how = {"num_inference_steps": wanted["steps"], "guidance_scale": wanted["guidance"], "generator": noise}
        axes.imshow(pipeline(prompt, **how).images[0])
        axes.set_title(prompt or "(empty prompt)")
        axes.set_axis_off()
    figure.savefig(out, dpi=60)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--config", type=Path, default=Path("resources/demo/training.yaml"), help="default: %(default)s"
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of the model")
    parser.add_argument("--work", type=Path, required=True, help="folder of scenes, latents and unfinished networks")
    parser.add_argument("--device", default="auto", help="auto (a GPU where there is one), cpu or cuda; default: auto")
    given = parser.parse_args()
    config = yaml.safe_load(given.config.read_text())
    given.work.mkdir(parents=True, exist_ok=True)
    begun = given.work / "training.yaml"
    if begun.is_file() and yaml.safe_load(begun.read_text()) != config:
        parser.error(f"{given.work} holds a training with other settings ({begun}); remove it, or name another --work")
    with write_atomically(begun) as file:
        file.write_text(yaml.safe_dump(config))
    with log_job(given.work / "train.log"):
        if config["threads"]:
            torch.set_num_threads(config["threads"])
        train(config, given.out, given.work, resolve_device(given.device))


def train(config: Config, out: Path, work: Path, device: torch.device) -> None:
    """Train both networks and write the model, its losses and samples."""
    from transformers import CLIPTokenizer

    pictures, prompts = draw_scenes(config, work)
    vae, vae_losses = train_vae(config, pictures, work, device)
    latents, spread = encode_scenes(vae, pictures, work, device)
    write_tokenizer(out / "tokenizer")
    words = CLIPTokenizer.from_pretrained(out / "tokenizer")
    denoiser, losses = train_denoiser(config, latents, prompts, words, work, device)
    write_model(out, config, vae, denoiser, scale=1 / spread)
    draw_losses({"VAE": vae_losses, "U-Net and text encoder": losses}, out / "losses.png")
    draw_samples(out, config["samples"], config["seed"], out / "samples.png", device)
    log.info("the model is in %s", out)


if __name__ == "__main__":
    main()
