"""Latents and features against plain loops over diffusers, and what is said of shards that are not whole."""

import errno
import hashlib
import json
import logging
import shutil
import threading
from importlib.metadata import version

import h5py
import numpy as np
import pandas as pd
import pytest
import torch
from diffusers import AutoencoderKL, DDIMScheduler, DDPMScheduler, StableDiffusionXLPipeline, UNet2DConditionModel
from extractors import make_extractor
from manifests import make_instance, write_manifest
from PIL import Image, ImageOps
from transformers import CLIPTextModel, CLIPTextModelWithProjection, CLIPTokenizer

from semlens.extract.feature_shards import extract_features
from semlens.extract.latents import encode_images
from semlens.extract.passes import Batch
from semlens.extract.prompts import encode_prompt, encode_template
from semlens.extract.readers import _read_latents
from semlens.models.noise import BetaNoise
from semlens.models.texts.clip import embed_texts
from semlens.storage.instances import INSTANCES
from semlens.storage.shard_reader import open_shard, read_attribute
from semlens.storage.tables import write_parquet

SIZE = 128
TEXT_PARTS = {
    "tokenizer": CLIPTokenizer,
    "text_encoder": CLIPTextModel,
    "tokenizer_2": CLIPTokenizer,
    "text_encoder_2": CLIPTextModelWithProjection,
}
IMAGES = {"a": (160, 120), "b": (90, 200), "c": (128, 128), "d": (64, 64), "e": (300, 150)}  # width, height
ABOUT = {"extraction": "plain", "dataset": "drawn", "model": "small", "prompt": "a horse"}
TIMESTEPS = [0, 50, 999]
# A batch of one and a batch of several take different convolutions, which add in another order: features of up to 4
# differ by 5e-6 at most, latents of up to 25 by 3e-5. A batch of one is the plain loop to the bit.
ROUNDING = {"features": {"rtol": 0, "atol": 3e-5}, "moments": {"rtol": 0, "atol": 2e-4}}


def manifest_of(names, path):
    rows = []
    for name in names:
        width, height = IMAGES[name]
        for number in (1, 2):  # an image is in the manifest once per instance
            mask = np.zeros((height, width), bool)
            mask[10 * number : 40, 5:30] = True
            rows.append(make_instance(f"{name}/{number}", mask, file=f"images/{name}.jpg"))
    return write_manifest(rows, path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dataset")
    (folder / "images").mkdir()
    rng = np.random.default_rng(0)
    for name, (width, height) in IMAGES.items():
        coarse = Image.fromarray(rng.integers(0, 256, (6, 6, 3), dtype=np.uint8))
        coarse.resize((width, height), Image.Resampling.BICUBIC).save(folder / "images" / f"{name}.jpg")
    return folder


@pytest.fixture(scope="module")
def encode(small_model, folder, tmp_path_factory):
    def run(names=tuple(IMAGES), **changes):
        home = tmp_path_factory.mktemp("latents")
        settings = {
            "manifest": manifest_of(names, home / "manifest.parquet"),
            "folder": folder,
            "vae": small_model / "vae",
            "views": ["identity"],
            "seed": 0,
            "size": SIZE,
            "resize": "stretch",
            "exif": "ignore",
            "dtype": "float32",
            "device": "cpu",
            "batch_size": 1,
            "out": home / "latents.h5",
            **changes,
        }
        encode_images(**settings)
        return settings["out"]

    return run


@pytest.fixture(scope="module")
def latents(encode):
    return encode()


@pytest.fixture(scope="module")
def prompt(small_model, tmp_path_factory):
    out = tmp_path_factory.mktemp("prompts") / "horse.h5"
    encode_prompt(prompt="a horse", **text_of(small_model), out=out)
    return out


@pytest.fixture(scope="module")
def read(small_model, latents, prompt, tmp_path_factory):
    def run(out=None, half=False, **changes):
        out = out or tmp_path_factory.mktemp("features") / "features.h5"
        settings = {
            "latents": latents,
            "prompt": prompt,
            "network": small_model / "unet",
            "scheduler": small_model / "scheduler",
            "layers": ["enc4.1", "mid2+dec16.3"],
            "timesteps": TIMESTEPS,
            "posterior": "sample",
            "noise": True,
            "inference_steps": None,
            "seed": 7,
            "dtype": "float32",
            "device": "cpu",
            "batch_size": 1,
            "names": ABOUT,
            **changes,
        }
        extract_features(make_extractor(**settings), out=out, half=half)
        return out

    return run


@pytest.fixture(scope="module")
def features(read):
    return read()


def contents(path):
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, item: found.__setitem__(name, item[()]) if isinstance(item, h5py.Dataset) else None
        )
    return found


def attributes(path):
    with open_shard(path) as file:
        return {name: read_attribute(file, name) for name in file.attrs}


def normal(shape, key):
    """Sample noise as the library documents it: seeded by eight bytes of a digest of what it is for."""
    number = int.from_bytes(hashlib.sha256(key.encode()).digest()[:8], "big", signed=True)
    return torch.randn(shape, generator=torch.Generator().manual_seed(number))


def plain_loop(model, latents, timesteps, seed, modules):
    """The same, the plain way: one sample at a time, whole passes, hooks on modules that are written out."""
    unet = UNet2DConditionModel.from_pretrained(model / "unet").eval()
    scheduler = DDPMScheduler.from_pretrained(model / "scheduler")
    with h5py.File(latents) as file:
        moments = torch.from_numpy(file["identity/posterior"][()])
        names = file["identity/sample_id"].asstr()[()]
    text = embed_texts(["a horse"], text_of(model)["parts"])["embedding"]
    seen = {f"identity/t{t}/{name}": [] for t in timesteps for name in modules}
    for name, moment in zip(names, moments, strict=True):
        mean, log_variance = moment[:4], moment[4:]
        posterior = mean + torch.exp(log_variance / 2) * normal(mean.shape, f"{seed}/identity/{name}/posterior")
        clean, noise = 0.18215 * posterior, normal(mean.shape, f"{seed}/identity/{name}/noise")
        for timestep in timesteps:
            noisy = scheduler.add_noise(clean[None], noise[None], torch.tensor([timestep]))
            hooks = [
                unet.get_submodule(module).register_forward_hook(
                    lambda module, args, output, key=f"identity/t{timestep}/{layer}": seen[key].append(
                        (output[0] if isinstance(output, tuple) else output)[0].numpy()
                    )
                )
                for layer, module in modules.items()
            ]
            with torch.no_grad():
                unet(noisy, timestep, encoder_hidden_states=text)
            for hook in hooks:
                hook.remove()
    return {key: np.stack(values) for key, values in seen.items()}


@pytest.mark.parametrize("batch_size", [1, 4])
def test_latents_are_those_of_diffusers(encode, small_model, folder, batch_size):
    found = contents(encode(batch_size=batch_size))
    assert [name.decode() for name in found["identity/sample_id"]] == list(IMAGES)
    vae = AutoencoderKL.from_pretrained(small_model / "vae").eval()
    for name, moments in zip(IMAGES, found["identity/posterior"], strict=True):
        image = Image.open(folder / "images" / f"{name}.jpg").resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        pixels = torch.tensor(np.asarray(image)).permute(2, 0, 1)[None] / 255 * 2 - 1
        with torch.no_grad():
            posterior = vae.encode(pixels).latent_dist
        assert moments.shape == (8, 16, 16)
        tolerance = ROUNDING["moments"] if batch_size > 1 else {"rtol": 1e-6, "atol": 1e-5}
        np.testing.assert_allclose(moments[:4], posterior.mean[0], **tolerance)
        np.testing.assert_allclose(moments[4:], posterior.logvar[0], **tolerance)


def test_features_are_those_of_a_plain_loop_bit_for_bit(small_model, latents, features):
    modules = {"enc4.1": "down_blocks.2.attentions.0", "mid2": "mid_block", "dec16.3": "up_blocks.3.attentions.2"}
    expected = plain_loop(small_model, latents, TIMESTEPS, 7, modules)
    found = contents(features)
    assert set(found) == {*expected, "identity/sample_id"}
    for key, values in expected.items():
        assert found[key].dtype == np.float32
        np.testing.assert_array_equal(found[key], values, err_msg=key)


def test_features_depend_on_timestep_seed_and_prompt(features, read, small_model, tmp_path):
    found = contents(features)
    other_prompt = tmp_path / "house.h5"
    encode_prompt(prompt="a house", **text_of(small_model), out=other_prompt)
    other_seed = contents(read(seed=8, layers=["enc4.1"], timesteps=[50]))
    other_text = contents(read(prompt=other_prompt, layers=["enc4.1"], timesteps=[50]))
    key = "identity/t50/enc4.1"
    for other in (found["identity/t0/enc4.1"], found["identity/t999/enc4.1"], other_seed[key], other_text[key]):
        assert np.abs(found[key] - other).max() > 1e-3


def draws(latents, seed):
    """Means, seeded samples and noise of every latent, (5, 4, 16, 16) each, scaled."""
    with h5py.File(latents) as file:
        moments = torch.from_numpy(file["identity/posterior"][()])
        names = file["identity/sample_id"].asstr()[()]
    mean, deviation = moments[:, :4], torch.exp(moments[:, 4:] / 2)
    noise = {
        purpose: torch.stack([normal(mean.shape[1:], f"{seed}/identity/{name}/{purpose}") for name in names])
        for purpose in ("posterior", "noise")
    }
    return 0.18215 * mean, 0.18215 * (mean + deviation * noise["posterior"]), noise["noise"]


def read_plainly(model, noisy, timestep, text="a horse"):
    """Features of enc4.1 by a hook that is written out, one sample at a time."""
    unet = UNet2DConditionModel.from_pretrained(model / "unet").eval()
    embedding = embed_texts([text], text_of(model)["parts"])["embedding"]
    seen = []
    unet.down_blocks[2].attentions[0].register_forward_hook(lambda module, args, output: seen.append(output[0]))
    with torch.no_grad():
        for one in noisy:
            unet(one[None], timestep, encoder_hidden_states=embedding)
    return torch.cat(seen).numpy()


def test_the_posteriors_mean_is_read_where_asked_for(read, small_model, latents):
    mean, _, noise = draws(latents, 7)
    noisy = DDPMScheduler.from_pretrained(small_model / "scheduler").add_noise(mean, noise, torch.tensor([50]))
    found = contents(read(posterior="mean", layers=["enc4.1"], timesteps=[50]))["identity/t50/enc4.1"]
    np.testing.assert_array_equal(found, read_plainly(small_model, noisy, 50))


def test_without_noise_the_clean_latent_is_read_at_the_timestep(read, small_model, latents):
    _, clean, _ = draws(latents, 7)
    found = contents(read(noise=False, layers=["enc4.1"], timesteps=[50]))["identity/t50/enc4.1"]
    np.testing.assert_array_equal(found, read_plainly(small_model, clean, 50))


@pytest.mark.parametrize(("inference_steps", "timestep"), [(20, 100), (20, 1), (20, 130), (100, 50)])
def test_denoising_is_a_plain_loop_over_diffusers(read, small_model, latents, inference_steps, timestep):
    """Noise to the timestep, whole passes down to 0 by the formula of DDIM written out, then a pass that is read."""
    unet = UNet2DConditionModel.from_pretrained(small_model / "unet").eval()
    text = embed_texts(["a horse"], text_of(small_model)["parts"])["embedding"]
    signal = DDPMScheduler.from_pretrained(small_model / "scheduler").alphas_cumprod
    _, clean, noise = draws(latents, 7)
    x = signal[timestep] ** 0.5 * clean + (1 - signal[timestep]) ** 0.5 * noise
    at, passes = timestep, 0
    while at > 0:
        with torch.no_grad():
            predicted = torch.cat([unet(one[None], at, encoder_hidden_states=text).sample for one in x])
        to = max(at - 1000 // inference_steps, 0)
        image = (x - (1 - signal[at]) ** 0.5 * predicted) / signal[at] ** 0.5
        x = signal[to] ** 0.5 * image + (1 - signal[to]) ** 0.5 * predicted
        at, passes = to, passes + 1
    assert passes == -(-timestep // (1000 // inference_steps))
    found = contents(read(inference_steps=inference_steps, layers=["enc4.1"], timesteps=[timestep]))
    np.testing.assert_allclose(
        found[f"identity/t{timestep}/enc4.1"], read_plainly(small_model, x, 0), **ROUNDING["features"]
    )


def test_denoising_by_diffusers_own_schedule_is_the_same(read, small_model, latents):
    """The timesteps that DDIMScheduler lists from 100 on are the ones that are walked."""
    _, clean, noise = draws(latents, 7)
    unet = UNet2DConditionModel.from_pretrained(small_model / "unet").eval()
    text = embed_texts(["a horse"], text_of(small_model)["parts"])["embedding"]
    scheduler = DDIMScheduler.from_pretrained(small_model / "scheduler", set_alpha_to_one=False)
    scheduler.set_timesteps(20)
    x = scheduler.add_noise(clean, noise, torch.tensor([100]))
    walked = [t for t in scheduler.timesteps if 0 < t <= 100]
    assert [int(t) for t in walked] == [100, 50]
    for t in walked:
        with torch.no_grad():
            predicted = torch.cat([unet(one[None], t, encoder_hidden_states=text).sample for one in x])
        x = scheduler.step(predicted, t, x).prev_sample
    found = contents(read(inference_steps=20, layers=["enc4.1"], timesteps=[100]))
    np.testing.assert_allclose(found["identity/t100/enc4.1"], read_plainly(small_model, x, 0), **ROUNDING["features"])


def test_what_the_network_reads_next_is_made_ready_while_it_runs(read, monkeypatch):
    mixed, waited = threading.Semaphore(0), []
    mix, forward = BetaNoise.mix, UNet2DConditionModel.forward

    def count(self, *given):
        mixed.release()
        return mix(self, *given)

    def wait(self, *given, **named):
        assert mixed.acquire(timeout=10)  # what this pass reads
        if len(waited) < len(IMAGES) - 1:
            waited.append(mixed.acquire(timeout=10))  # and the next
            mixed.release()
        return forward(self, *given, **named)

    monkeypatch.setattr(BetaNoise, "mix", count)
    monkeypatch.setattr(UNet2DConditionModel, "forward", wait)
    read(layers=["enc4.1"], timesteps=[100])
    assert waited == [True] * (len(IMAGES) - 1)


def test_a_network_that_denoises_is_run_by_one_thread(read, monkeypatch):
    """Another would run into what captures features."""
    threads = []
    forward = UNet2DConditionModel.forward

    def note(self, *given, **named):
        threads.append(threading.get_ident())
        return forward(self, *given, **named)

    monkeypatch.setattr(UNet2DConditionModel, "forward", note)
    read(inference_steps=20, layers=["enc4.1"], timesteps=[100])
    assert len(threads) == (2 + 1) * len(IMAGES) and len(set(threads)) == 1


def test_at_timestep_0_there_is_nothing_to_denoise(features, read):
    found = contents(read(inference_steps=20, layers=["enc4.1"], timesteps=[0]))
    np.testing.assert_array_equal(found["identity/t0/enc4.1"], contents(features)["identity/t0/enc4.1"])


def test_a_template_says_what_each_sample_shows(read, small_model, tmp_path):
    """Images a and c show a cat and a dog, the others two cats; a crop shows its one object."""
    manifest = manifest_of(IMAGES, tmp_path / "manifest.parquet")
    instances = pd.read_parquet(manifest)
    instances.loc[instances["instance_id"].isin(["a/2", "c/1"]), "class_name"] = "dog"
    write_parquet(instances, INSTANCES, manifest)
    out = tmp_path / "template.h5"
    encoders, views = text_of(small_model), ["identity", "crop_pad"]
    encode_template(template="a photo of a {classes}", manifest=manifest, views=views, out=out, **encoders)
    with h5py.File(out) as file:
        said = {view: [file["texts"].asstr()[place] for place in file[f"{view}/text"]] for view in views}
    both, cats = "a photo of a cat and dog", "a photo of a cat"
    assert said["identity"] == [both, cats, both, cats, cats]
    assert said["crop_pad"] == [cats, "a photo of a dog", cats, cats, "a photo of a dog", *[cats] * 5]
    found = contents(read(prompt=out, layers=["enc4.1"], timesteps=[0], batch_size=2))["identity/t0/enc4.1"]
    for text, images in ((both, [0, 2]), (cats, [1, 3, 4])):
        alone = tmp_path / f"{text}.h5"
        encode_prompt(prompt=text, out=alone, **encoders)
        expected = contents(read(prompt=alone, layers=["enc4.1"], timesteps=[0]))["identity/t0/enc4.1"]
        np.testing.assert_allclose(found[images], expected[images], **ROUNDING["features"])


def test_a_letterboxed_image_keeps_its_proportions(encode, small_model, folder):
    found = contents(encode(resize="letterbox"))["identity/posterior"]
    vae = AutoencoderKL.from_pretrained(small_model / "vae").eval()
    for name, moments in zip(IMAGES, found, strict=True):
        with Image.open(folder / "images" / f"{name}.jpg") as image:
            square = ImageOps.pad(image, (max(image.size),) * 2).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
        pixels = torch.tensor(np.asarray(square)).permute(2, 0, 1)[None] / 255 * 2 - 1
        with torch.no_grad():
            expected = vae.encode(pixels).latent_dist.mean[0]
        np.testing.assert_allclose(moments[:4], expected, rtol=1e-6, atol=1e-5)


def test_one_timestep_alone_is_the_same_as_among_others(features, read):
    alone = contents(read(timesteps=[50], layers=["enc4.1"]))
    np.testing.assert_array_equal(alone["identity/t50/enc4.1"], contents(features)["identity/t50/enc4.1"])


def test_two_runs_are_the_same(features, read):
    again = contents(read())
    for key, values in contents(features).items():
        np.testing.assert_array_equal(again[key], values)


@pytest.mark.parametrize("batch_size", [2, 4, 8])
def test_batches_change_no_more_than_rounding(features, read, batch_size):
    batched = contents(read(batch_size=batch_size))
    for key, values in contents(features).items():
        if key.endswith("sample_id"):
            np.testing.assert_array_equal(batched[key], values)
        else:
            np.testing.assert_allclose(batched[key], values, **ROUNDING["features"], err_msg=key)


@pytest.mark.parametrize("shards", [["a", "bcde"], ["cd", "e", "ab"]])
def test_shards_change_nothing(features, latents, encode, read, shards):
    whole = {**contents(features), "moments": contents(latents)["identity/posterior"]}
    for names in shards:
        part = encode(names)
        rows = [list(IMAGES).index(name) for name in names]
        np.testing.assert_array_equal(contents(part)["identity/posterior"], whole["moments"][rows])
        for key, values in contents(read(latents=part)).items():
            np.testing.assert_array_equal(values, whole[key][rows])


def test_views_are_kept_apart(encode, read):
    # The encoder has no other view yet: the shard's second one holds the first's latents under another name.
    path = encode("ab")
    with h5py.File(path, "r+") as file:
        file.copy("identity", "hflip")
    found = contents(read(latents=path, timesteps=[0, 500], layers=["enc4.1"]))
    assert set(found) == {
        f"{view}/{name}" for view in ("identity", "hflip") for name in ("sample_id", "t0/enc4.1", "t500/enc4.1")
    }
    # Another view of an image has noise of its own.
    assert np.abs(found["identity/t500/enc4.1"] - found["hflip/t500/enc4.1"]).max() > 1e-3


def test_features_say_what_they_are(features):
    about = attributes(features)
    assert {key: about[key] for key in ABOUT} == ABOUT
    assert (about["seed"], about["dtype"], about["optimizations"]) == (7, "float32", "")
    assert list(about["layers"]) == ["enc4.1", "mid2", "dec16.3"]
    assert len(about["network_config_sha256"]) == 64
    stages = json.loads(about["environment"])
    assert stages.keys() == {"encode", "prompt", "extract"} and stages["extract"]["device"] == "cpu"
    for package in ("torch", "diffusers", "h5py"):
        assert stages["extract"][package] == version(package)
    with h5py.File(features) as file:
        assert file["identity/t0/enc4.1"].chunks == (1, 32, 4, 4)


@pytest.mark.parametrize(("exif", "said"), [("apply", "applied"), ("ignore", "ignored")])
def test_the_log_counts_images_with_an_orientation(encode, folder, tmp_path, caplog, monkeypatch, exif, said):
    monkeypatch.setattr(logging.getLogger("semlens"), "propagate", True)
    name, latents = next(iter(IMAGES)), {}
    for orientation in (1, 3):
        turned = tmp_path / str(orientation)
        shutil.copytree(folder, turned)
        data = Image.Exif()
        data[0x0112] = orientation
        with Image.open(folder / "images" / f"{name}.jpg") as image:
            image.save(turned / "images" / f"{name}.jpg", exif=data)
        with caplog.at_level("INFO", "semlens"):
            latents[orientation] = contents(encode(folder=turned, exif=exif))["identity/posterior"]
    assert caplog.text.count(f"EXIF orientation of 1 images {said}, because 'exif' is {exif}; such as") == 1
    assert np.array_equal(latents[1], latents[3]) == (exif == "ignore")


@pytest.mark.parametrize(
    "said", [{"latents_mean": [0.1, 0.2, 0.3, 0.4], "latents_std": [1.0, 2.0, 3.0, 4.0]}, {"shift_factor": 0.5}]
)
def test_latents_are_normalised_as_the_vae_says(encode, small_model, tmp_path, said):
    """As diffusers does: a network that reads (x - mean) / std of them sees what one sees whose VAE was made so."""
    shutil.copytree(small_model / "vae", tmp_path / "vae")
    config = json.loads((tmp_path / "vae" / "config.json").read_text())
    (tmp_path / "vae" / "config.json").write_text(json.dumps(config | said))
    about = attributes(encode(vae=tmp_path / "vae"))
    mean, std = said.get("latents_mean", [0.5] * 4), said.get("latents_std", [1.0] * 4)
    with open_shard(encode()) as plain, open_shard(encode(vae=tmp_path / "vae")) as told:
        shape = (1, 4, 1, 1)
        latents = {
            name: _read_latents(file, Batch("identity", 0, ["a"]), 0, "mean")[0]
            for name, file in (("plain", plain), ("told", told))
        }
    scale = about["scaling_factor"]
    expected = (latents["plain"] / scale - torch.tensor(mean).view(shape)) / torch.tensor(std).view(shape) * scale
    torch.testing.assert_close(latents["told"], expected, rtol=1e-5, atol=1e-6)


def test_latents_and_prompts_say_what_they_are(latents, prompt):
    about = attributes(latents)
    assert (about["scaling_factor"], about["size"], about["resize"]) == (0.18215, SIZE, "stretch")
    assert about["dtype"] == "float32"
    assert attributes(prompt)["prompt"] == "a horse"
    assert contents(prompt)["embedding"].shape == (1, 77, 32)


def test_the_hash_is_of_the_configuration_not_of_its_place(features, read, small_model, tmp_path):
    shutil.copytree(small_model / "unet", tmp_path / "elsewhere")
    moved = read(network=tmp_path / "elsewhere", timesteps=[0], layers=["enc16.1"])
    assert attributes(moved)["network_config_sha256"] == attributes(features)["network_config_sha256"]
    config = json.loads((tmp_path / "elsewhere" / "config.json").read_text())
    (tmp_path / "elsewhere" / "config.json").write_text(json.dumps({**config, "flip_sin_to_cos": False}))
    changed = read(network=tmp_path / "elsewhere", timesteps=[0], layers=["enc16.1"])
    assert attributes(changed)["network_config_sha256"] != attributes(features)["network_config_sha256"]


@pytest.mark.parametrize(("dtype", "stored", "error"), [("bfloat16", np.float32, 0.1), ("float16", np.float16, 0.02)])
def test_half_precision_is_near_and_stored_as_it_may_be(features, read, dtype, stored, error):
    half = read(dtype=dtype, timesteps=[0], layers=["enc4.1"])
    values, exact = contents(half)["identity/t0/enc4.1"], contents(features)["identity/t0/enc4.1"]
    assert values.dtype == stored
    assert attributes(half)["dtype"] == dtype
    assert 0 < np.abs(values - exact).max() < error * np.abs(exact).max()


def test_a_faster_network_is_recorded_and_gives_the_same_features(features, read, monkeypatch):
    """What compiles is torch's tracing alone: what it makes of the code is tested with the network."""
    compiled, build = [], torch.compile
    monkeypatch.setattr(
        torch, "compile", lambda *given, **how: compiled.append(1) or build(*given, **how, backend="eager")
    )
    fast = read(optimizations=["channels_last", "compile", "tf32"], timesteps=[0], layers=["enc16.1"])
    plain = read(timesteps=[0], layers=["enc16.1"])
    assert compiled
    assert attributes(fast)["optimizations"] == "channels_last, compile, tf32"
    values, expected = (contents(path)["identity/t0/enc16.1"] for path in (fast, plain))
    assert np.abs(values - expected).max() < 1e-5 * np.sqrt(np.mean(expected**2))


def test_an_unknown_layer_names_the_capture(read, tmp_path):
    with pytest.raises(ValueError) as error:
        read(layers=["enc4.1", "enc5.1"], out=tmp_path / "features.h5")
    assert str(error.value).startswith("extraction 'plain': no layer 'enc5.1'")
    assert "enc16.1, enc16.2, enc8.1" in str(error.value)
    assert not list(tmp_path.iterdir())


def test_latents_of_another_size_are_refused_with_the_way_out(encode, read, small_model, tmp_path):
    small = encode("a", size=64)
    with pytest.raises(ValueError) as error:
        read(latents=small, out=tmp_path / "features.h5")
    assert str(error.value).startswith(f"{small_model / 'unet'} cannot read {small}: ")
    assert "reads 16x16 latents, its VAE made 8x8" in str(error.value)
    assert "'size'" in str(error.value)
    assert not (tmp_path / "features.h5").exists()


def test_a_failed_write_leaves_what_was_there(encode, read, tmp_path):
    out = tmp_path / "features.h5"
    read(out=out, timesteps=[0], layers=["enc16.1"])
    before = out.read_bytes()
    with pytest.raises(ValueError):
        read(latents=encode("a", size=64), out=out)
    assert out.read_bytes() == before
    read(out=out, timesteps=[1], layers=["enc16.1"])  # what the failed one left is in nobody's way
    assert "identity/t1/enc16.1" in contents(out)


def test_a_missing_image_is_named_and_leaves_no_latents(encode, folder, tmp_path):
    shutil.copytree(folder, tmp_path / "dataset")
    (tmp_path / "dataset" / "images" / "c.jpg").unlink()
    with pytest.raises(FileNotFoundError, match=r"images/c\.jpg does not exist"):
        encode(folder=tmp_path / "dataset", out=tmp_path / "latents.h5")
    assert not (tmp_path / "latents.h5").exists()


def truncated(content):
    return content[: len(content) // 2]


def overwritten(content):
    return bytes(np.random.default_rng(0).integers(0, 256, len(content), dtype=np.uint8))


def beheaded(content):
    return b"\xff" * 64 + content[64:]


def emptied(content):
    return b""


@pytest.mark.parametrize("damage", [truncated, overwritten, beheaded, emptied])
@pytest.mark.parametrize("shard", ["latents", "prompt"])
def test_a_corrupt_shard_is_named(read, latents, prompt, tmp_path, shard, damage):
    path = tmp_path / "shard.h5"
    path.write_bytes(damage({"latents": latents, "prompt": prompt}[shard].read_bytes()))
    with pytest.raises(ValueError) as error:
        read(**{shard: path}, out=tmp_path / "features.h5")
    assert f"{path} is corrupt" in str(error.value)
    assert (tmp_path / "shard.h5.corrupt").exists() and not path.exists()
    assert not (tmp_path / "features.h5").exists()


def test_latents_whose_bytes_have_changed_are_not_believed(read, latents, tmp_path):
    path = tmp_path / "latents.h5"
    content = latents.read_bytes()
    with h5py.File(latents) as file:
        moments = file["identity/posterior"][3].tobytes()
    place = content.index(moments[:256])
    path.write_bytes(content[:place] + bytes(256) + content[place + 256 :])
    with pytest.raises(ValueError, match="is corrupt") as error:
        read(latents=path, out=tmp_path / "features.h5")
    assert str(path) in str(error.value)


@pytest.mark.parametrize("missing", ["identity/posterior", "identity/sample_id"])
def test_an_incomplete_shard_is_named(read, latents, tmp_path, missing):
    path = tmp_path / "latents.h5"
    shutil.copy(latents, path)
    with h5py.File(path, "r+") as file:
        del file[missing]
    with pytest.raises(ValueError, match="is corrupt") as error:
        read(latents=path, out=tmp_path / "features.h5")
    assert str(path) in str(error.value)


def test_a_file_of_another_kind_is_named(read, prompt, tmp_path):
    # Somebody's embedding where latents should be.
    path = tmp_path / "latents.h5"
    shutil.copy(prompt, path)
    with pytest.raises(ValueError) as error:
        read(latents=path, out=tmp_path / "features.h5")
    assert str(path) in str(error.value)


def test_features_that_are_not_finite_are_refused_by_layer_and_sample(read, encode, tmp_path):
    path = encode("ab")
    with h5py.File(path, "r+") as file:
        file["identity/posterior"][1, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match=r"layer enc4\.1 at t = 50 is not finite for a sample of b"):
        read(latents=path, timesteps=[50], out=tmp_path / "features.h5")
    assert not (tmp_path / "features.h5").exists()


def text_of(model):
    parts = ("tokenizer", "text_encoder", "tokenizer_2", "text_encoder_2")
    return {"kind": "clip", "parts": {name: model / name for name in parts if (model / name).is_dir()}}


@pytest.mark.parametrize(
    ("name", "layers"),
    [
        ("sd2", {"enc4.1": "down_blocks.2.attentions.0", "dec16.3": "up_blocks.3.attentions.2"}),
        (
            "sdxl",
            {
                "enc16.1": "down_blocks.0.resnets.0",
                "enc8.2": "down_blocks.1.attentions.1",
                "mid4": "mid_block",
                "dec4.1": "up_blocks.0.attentions.0",
            },
        ),
    ],
)
def test_other_architectures_are_read_as_their_pipelines_run_them(architectures, encode, read, tmp_path, name, layers):
    """Prompts by the pipeline's own encode_prompt, then the whole U-Net with hooks that are written out."""
    model, prompt = architectures[name], tmp_path / "prompt.h5"
    encode_prompt(prompt="a horse", **text_of(model), out=prompt)
    latents = encode(vae=model / "vae")
    folders = {"latents": latents, "prompt": prompt, "network": model / "unet", "scheduler": model / "scheduler"}
    found = contents(read(**folders, layers=list(layers), timesteps=[50]))

    unet = UNet2DConditionModel.from_pretrained(model / "unet").eval()
    load = {part: kind.from_pretrained(model / part) for part, kind in TEXT_PARTS.items() if (model / part).is_dir()}
    asked = {"prompt": "a horse", "device": "cpu", "num_images_per_prompt": 1, "do_classifier_free_guidance": False}
    if name == "sdxl":
        pipeline = StableDiffusionXLPipeline(vae=None, unet=unet, scheduler=None, **load)
        with torch.no_grad():
            text, _, pooled, _ = pipeline.encode_prompt(**asked)
        sizes = torch.tensor([[SIZE, SIZE, 0, 0, SIZE, SIZE]])
        more = {"added_cond_kwargs": {"text_embeds": pooled, "time_ids": sizes}}
    else:
        with torch.no_grad():
            words = load["tokenizer"]("a horse", padding="max_length", max_length=77, return_tensors="pt").input_ids
            text, more = load["text_encoder"](words).last_hidden_state, {}
    _, clean, noise = draws(latents, 7)
    noisy = DDPMScheduler.from_pretrained(model / "scheduler").add_noise(clean, noise, torch.tensor([50]))
    seen = {layer: [] for layer in layers}
    for layer, module in layers.items():
        unet.get_submodule(module).register_forward_hook(
            lambda module, args, output, layer=layer: seen[layer].append(
                output[0] if isinstance(output, tuple) else output
            )
        )
    with torch.no_grad():
        for one in noisy:
            unet(one[None], 50, encoder_hidden_states=text, **more)
    for layer, values in seen.items():
        np.testing.assert_allclose(found[f"identity/t50/{layer}"], torch.cat(values), **ROUNDING["features"])


def test_half_maps_are_the_maps_rounded(read, features, tmp_path):
    found, whole = contents(read(tmp_path / "half.h5", half=True)), contents(features)
    assert found.keys() == whole.keys()
    for key in found:
        if not key.endswith("sample_id"):
            assert found[key].dtype == np.float16
            np.testing.assert_array_equal(found[key], whole[key].astype(np.float16))


def test_maps_beyond_half_precision_are_refused_with_the_way_out(read, monkeypatch, tmp_path):
    forward = UNet2DConditionModel.forward
    monkeypatch.setattr(
        UNet2DConditionModel, "forward", lambda self, sample, *rest, **more: forward(self, sample * 1e9, *rest, **more)
    )
    with pytest.raises(ValueError, match=r"layer .* at t = .* not finite .*use keep: maps"):
        read(tmp_path / "half.h5", half=True)
    assert not list(tmp_path.iterdir())


def test_where_writing_fails_nothing_is_left_and_every_thread_ends(read, monkeypatch, tmp_path):
    calls = []

    def fail(*arguments, **named):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("semlens.extract.feature_shards.write_samples", fail)
    with pytest.raises(OSError, match="No space left"):
        read(tmp_path / "features.h5")
    assert not list(tmp_path.iterdir())
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("stage")] == []
