"""Encode the images of one shard with the VAE."""

from semlens import encoding, images, logs, registry

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        encoding.encode_images(
            manifest=snakemake.input.manifest,
            folder=images.folder(snakemake.input.pictures),
            vae=registry.part(snakemake.input.vae, "vae"),
            views=snakemake.params.views,
            seed=snakemake.params.seed,
            size=snakemake.params.size,
            resize=snakemake.params.resize,
            dtype=snakemake.params.dtype,
            device=snakemake.resources.device,
            batch_size=snakemake.resources.batch_size,
            out=snakemake.output.latents,
        )
