"""Write a U-Net of a model's architecture with random weights: the control of what training adds."""

from semlens import logs, models, registry

if __name__ == "__main__":
    with logs.to(snakemake.log[0]):
        models.write_untrained_unet(
            registry.part(snakemake.input.unet, "unet"), snakemake.output.unet, seed=snakemake.params.seed
        )
