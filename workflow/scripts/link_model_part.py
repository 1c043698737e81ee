"""Link the files of a model's part from where they lie, and note their hashes."""

from pathlib import Path

from semlens.models.part_files import note_hashes
from semlens.runtime.files import create_folder, link_files
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        files = map(Path, snakemake.input.files)
        with create_folder(snakemake.output.part) as folder:
            if folder is not None:
                link_files((file / snakemake.params.subfolder for file in files), folder)
                hashes = note_hashes(folder)
                log.info("%s: links to %d files", snakemake.output.part, len(hashes))
