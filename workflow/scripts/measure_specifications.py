"""Measure the specifications of a multiverse that compare one reading."""

from semlens.runtime.logs import log_job
from semlens.statistics.measure import Options
from semlens.statistics.specifications import measure_specifications

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs, outputs = snakemake.params, snakemake.input, snakemake.output
        measure_specifications(
            prototypes=inputs.prototypes,
            manifests=inputs.manifests,
            specifications=params.specifications,
            expected_order=params.expected_order,
            min_area=params.min_area,
            max_pairs=params.max_pairs,
            options=Options(
                average=params.average,
                permutations=params.permutations,
                max_objects=params.max_objects,
                seed=params.seed,
                device=snakemake.resources.device,
            ),
            out_estimates=outputs.estimates,
            out_influence=outputs.influence,
            out_permuted=outputs.permuted,
        )
