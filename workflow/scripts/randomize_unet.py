"""Write a U-Net of a model's architecture with random weights: the control of what training adds."""

from semlens.models.backbones.unet import write_untrained_unet
from semlens.models.parts import find_part
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        write_untrained_unet(find_part(snakemake.input.unet, "unet"), snakemake.output.unet, seed=snakemake.params.seed)
