"""Convert a model in a single file to folders in diffusers layout."""

from pathlib import Path

from semlens.models.checkpoints import convert_checkpoint
from semlens.runtime.files import create_folder
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]), create_folder(snakemake.output.model) as folder:
        if folder is not None:
            convert_checkpoint(
                snakemake.input.file,
                config=Path(snakemake.input.template[0]).parents[1],
                folder=folder,
                allow_pickle=snakemake.params.allow_pickle,
            )
