"""Measure J and F of the masks that a model propagated through all videos of a dataset."""

from semlens.runtime.logs import log_job
from semlens.statistics.propagation import evaluate_propagation, gather_masks

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        inputs, outputs = snakemake.input, snakemake.output
        evaluate_propagation(scores=inputs.scores, seed=snakemake.params.seed, out=outputs.table)
        gather_masks(inputs.masks, outputs.masks)
