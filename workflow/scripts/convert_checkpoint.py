"""Convert a model in a single file to folders in diffusers layout."""

from semlens import checkpoints, logs, registry

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        checkpoints.convert(
            snakemake.input.file,
            config=registry.part(snakemake.input.config, "unet").parent,
            folder=snakemake.output.model,
            allow_pickle=snakemake.params.allow_pickle,
        )
