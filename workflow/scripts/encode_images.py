"""Encode the images of one shard with the VAE."""

from semlens.extract.latents import encode_images
from semlens.images.reading import find_image_folder
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        encode_images(
            manifest=snakemake.input.manifest,
            folder=find_image_folder(snakemake.input.images),
            vae=snakemake.input.vae,
            views=snakemake.params.views,
            seed=snakemake.params.seed,
            size=snakemake.params.size,
            resize=snakemake.params.resize,
            exif=snakemake.params.exif,
            dtype=snakemake.params.dtype,
            device=snakemake.resources.device,
            batch_size=snakemake.resources.batch_size,
            out=snakemake.output.latents,
        )
