"""From images and prompts to latents, features, tokens and prototypes: all that writes them."""
