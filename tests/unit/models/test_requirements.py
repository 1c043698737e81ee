"""Models whose numbers would not mean what they say are refused by their configurations."""

import pytest
from tiny import UNET, VAE
from tiny_transformers import TRANSFORMERS

from semlens.models.backbones import load_backbone
from semlens.models.backbones.unet import check_config
from semlens.models.requirements import check_channels, check_scheduler, check_vae


def test_the_known_models_are_accepted():
    check_config(UNET)
    check_vae(VAE, 8)
    check_channels(4, VAE)
    check_scheduler({"_class_name": "PNDMScheduler", "beta_start": 0.00085})


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"time_cond_proj_dim": 256}, "time_cond_proj_dim: 256"),
        ({"class_embed_type": "timestep"}, "class_embed_type"),
        ({"num_class_embeds": 1000}, "num_class_embeds"),
        ({"encoder_hid_dim_type": "image_proj"}, "encoder_hid_dim_type"),
        ({"addition_embed_type": "image"}, "addition_embed_type"),
        ({"in_channels": 9, "out_channels": 4}, "9 channels.*inpainting"),
        ({"sample_size": None}, "sample_size None"),
        ({"sample_size": [64, 64]}, r"sample_size \[64, 64\]"),
    ],
)
def test_a_network_that_wants_more_is_refused(changes, named):
    with pytest.raises(ValueError, match=named):
        check_config(UNET | changes)


def test_a_vae_of_another_reduction_or_of_other_channels_is_refused():
    with pytest.raises(ValueError, match="one latent of 4 pixels; its network reads those of 8"):
        check_vae(VAE | {"block_out_channels": [8, 16, 32]}, 8)
    with pytest.raises(ValueError, match="16 channels, its VAE makes 4"):
        check_channels(16, VAE | {"latent_channels": 4})


def test_the_deep_vae_of_sana_makes_a_latent_of_32_pixels():
    vae = {"_class_name": "AutoencoderDC", "encoder_block_out_channels": [128, 256, 512, 512, 1024, 1024]}
    check_vae(vae, 32)
    with pytest.raises(ValueError, match="one latent of 32 pixels; its network reads those of 8"):
        check_vae(vae, 8)


def test_a_vae_of_another_kind_is_refused():
    with pytest.raises(ValueError, match="a VQModel; those known are AutoencoderKL, AutoencoderDC"):
        check_vae({"_class_name": "VQModel", "block_out_channels": [8] * 4}, 8)


@pytest.mark.parametrize(
    ("family", "config", "channels"),
    [
        ("unet", UNET, 4),
        ("pixart", TRANSFORMERS["pixart"], 4),
        ("sd3", TRANSFORMERS["sd3"], 16),
        ("flux", TRANSFORMERS["flux"], 16),
        ("sana", TRANSFORMERS["sana"], 8),
        ("dit", TRANSFORMERS["dit"], 4),
    ],
)
def test_a_family_counts_the_channels_of_a_latent(family, config, channels):
    """Flux has four latents in a token."""
    assert load_backbone(family).count_channels(config) == channels


@pytest.mark.parametrize("name", ["FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler", "Unknown"])
def test_a_scheduler_without_betas_is_refused(name):
    with pytest.raises(ValueError, match=name):
        check_scheduler({"_class_name": name, "num_train_timesteps": 1000, "shift": 3.0})
