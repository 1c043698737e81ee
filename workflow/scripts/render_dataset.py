"""Draw a synthetic dataset in its official layout."""

from demo.layouts import write_dataset
from semlens.runtime.files import create_folder
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]), create_folder(snakemake.output.dataset) as folder:
        if folder is not None:
            params = snakemake.params
            write_dataset(params.format, folder, **params.demo, **params.options)
            log.info("%s: scenes of seed %d are in %s", params.format, params.demo["seed"], snakemake.output.dataset)
