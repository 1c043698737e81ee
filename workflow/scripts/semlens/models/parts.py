"""The parts of a latent diffusion model in diffusers layout: a folder each."""

REQUIRED_PARTS = ("unet", "vae", "text_encoder", "tokenizer", "scheduler")
PARTS = (*REQUIRED_PARTS, "tokenizer_2", "text_encoder_2")  # SDXL has the last two

BACKBONE = "unet"  # the part that is read, and the module of semlens.models.backbones that reads it
