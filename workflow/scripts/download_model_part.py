"""Download a model's part from the Hugging Face hub, unless its cache has it; link it, and note its hashes."""

from functools import partial

from semlens.models.hub import fetch_part
from semlens.models.part_hashes import note_hashes
from semlens.models.requirements import check_part
from semlens.runtime.files import create_folder, link_files
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]), create_folder(snakemake.output.part) as folder:
        if folder is not None:
            part, source = snakemake.wildcards.part, snakemake.params.source
            commit, files = fetch_part(
                source["hub"],
                part,
                revision=source.get("revision"),
                variant=source.get("variant"),
                with_weights=snakemake.params.with_weights,
                check=partial(check_part, part, size=snakemake.params.size),
            )
            link_files(files, folder)
            note_hashes(folder, origin=f"{source['hub']}@{commit}")
            log.info("%s: links to %d files of %s at %s", snakemake.output.part, len(files), source["hub"], commit)
