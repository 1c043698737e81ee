"""Link the files of a model's part from where they lie, and note their hashes."""

from pathlib import Path

from semlens.models.part_hashes import note_hashes
from semlens.runtime.files import create_folder, link_files
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]), create_folder(snakemake.output.part) as folder:
        if folder is not None:
            files = dict(zip(snakemake.params.names, map(Path, snakemake.input.files), strict=True))
            if snakemake.params.converted:
                converted = files[snakemake.wildcards.part] / snakemake.wildcards.part
                files = {file.name: file for file in sorted(converted.iterdir())}
            link_files(files, folder)
            hashes = note_hashes(folder)
            log.info("%s: links to %d files", snakemake.output.part, len(hashes))
