"""List every annotated instance of a dataset."""

from semlens.runtime.logs import log_job
from semlens.select.selection import index_dataset

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        index_dataset(
            dataset=snakemake.wildcards.dataset,
            format=snakemake.params.format,
            folder=snakemake.input.dataset,
            options=snakemake.params.options,
            exif=snakemake.params.exif,
            out=snakemake.output.index,
        )
