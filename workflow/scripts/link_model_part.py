"""Link the files of a model's part from where they lie."""

from pathlib import Path

from semlens.runtime.files import link_files
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        files = map(Path, snakemake.input.files)
        link_files((file / snakemake.params.subfolder for file in files), snakemake.output.part)
