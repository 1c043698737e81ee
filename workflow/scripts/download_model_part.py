"""Download a model's part from the Hugging Face hub, unless its cache has it; link it, and note its hashes."""

from functools import partial

from semlens.models.backbones import load_backbone
from semlens.models.hub import fetch_part
from semlens.models.part_hashes import note_hashes
from semlens.models.requirements import check_part
from semlens.runtime.files import create_folder, link_files
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]), create_folder(snakemake.output.part) as folder:
        if folder is not None:
            part, params = snakemake.wildcards.part, snakemake.params
            source = params.source
            commit, files = fetch_part(
                source["hub"],
                part,
                revision=source.get("revision"),
                variant=source.get("variant"),
                with_weights=params.with_weights,
                is_required=part in load_backbone(params.family).REQUIRED_PARTS,
                check=partial(check_part, part, family=params.family, size=params.size),
            )
            link_files(files, folder)
            note_hashes(folder, origin=f"{source['hub']}@{commit}")
            log.info("%s: links to %d files of %s at %s", snakemake.output.part, len(files), source["hub"], commit)
