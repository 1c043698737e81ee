"""Models whose numbers would not mean what they say are refused by their configurations."""

import pytest
from tiny import UNET, VAE

from semlens.models.backbones.unet import check_config
from semlens.models.requirements import check_channels, check_scheduler, check_vae


def test_the_known_models_are_accepted():
    check_config(UNET)
    check_vae(VAE)
    check_channels(UNET, VAE)
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
    with pytest.raises(ValueError, match="one latent of 4 pixels"):
        check_vae(VAE | {"block_out_channels": [8, 16, 32]})
    with pytest.raises(ValueError, match="16 channels, its VAE makes 4"):
        check_channels(UNET | {"in_channels": 16}, VAE | {"latent_channels": 4})


@pytest.mark.parametrize("name", ["FlowMatchEulerDiscreteScheduler", "EDMEulerScheduler", "Unknown"])
def test_a_scheduler_without_betas_is_refused(name):
    with pytest.raises(ValueError, match=name):
        check_scheduler({"_class_name": name, "num_train_timesteps": 1000, "shift": 3.0})
