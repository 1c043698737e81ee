"""Write the explorer."""

from semlens.images.crops import list_sources
from semlens.report.explorer import write_explorer
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        params, inputs = snakemake.params, snakemake.input
        write_explorer(
            template=inputs.template,
            planes=[{**plane, "path": path} for plane, path in zip(params.projections, inputs.planes, strict=True)],
            datasets=list_sources(inputs.manifests, inputs.images, params.exif),
            out=snakemake.output.html,
        )
