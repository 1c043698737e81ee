"""From images and prompts to latents, features and prototypes: all that writes them."""
