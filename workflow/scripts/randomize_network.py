"""Write a network of a model's architecture with random weights: the control of what training adds."""

from semlens.models.backbones import load_backbone
from semlens.models.part_files import find_config
from semlens.models.part_hashes import note_hashes
from semlens.runtime.files import create_folder
from semlens.runtime.logs import log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]), create_folder(snakemake.output.network) as folder:
        if folder is not None:
            family, settings = load_backbone(snakemake.params.family), snakemake.input.settings
            family.write_untrained(find_config(settings[0]), folder, seed=snakemake.params.seed)
            note_hashes(folder)
