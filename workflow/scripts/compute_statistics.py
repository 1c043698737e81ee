"""Test the distance sets of an experiment on one dataset, and measure the separation of its classes."""

from semlens.runtime.logs import log_job
from semlens.statistics.compute import STATISTICS, compute_statistics
from semlens.statistics.measure import Options

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        compute_statistics(
            distances=inputs.distances,
            unit_totals=inputs.unit_totals,
            prototypes=inputs.prototypes,
            manifests=inputs.manifests,
            conditions=params.conditions,
            sets=params.sets,
            reference=params.reference,
            expected_order=params.expected_order,
            options=Options(
                average=params.average,
                permutations=params.permutations,
                max_objects=params.max_objects,
                seed=params.seed,
                device=snakemake.resources.device,
            ),
            out={name: outputs[name] for name in STATISTICS},
            out_influence=outputs.influence,
        )
