"""Draw a synthetic dataset in its official layout."""

from pathlib import Path

from demo import scenes
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        folder, demo = Path(snakemake.output.dataset), snakemake.params.demo
        if snakemake.params.format == "coco":
            scenes.write_coco(folder, **demo, split=snakemake.params.splits[0])
        elif snakemake.params.format == "voc":
            scenes.write_voc(folder, **demo, split=snakemake.params.splits[0])
        else:
            scenes.write_davis(folder, sequences=snakemake.params.sequences, frames=demo["images"], seed=demo["seed"])
        log.info("%s scenes of seed %d drawn in %s", snakemake.params.format, demo["seed"], folder)
