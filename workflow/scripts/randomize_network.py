"""Write a network of a model's architecture with random weights: the control of what training adds."""

from semlens.models.backbones import load_backbone
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        backbone = load_backbone(snakemake.params.backbone)
        backbone.write_untrained(snakemake.input.config, snakemake.output.network, seed=snakemake.params.seed)
