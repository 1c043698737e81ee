"""Draw a synthetic dataset in its official layout."""

from pathlib import Path

from demo import scenes
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        folder, demo, options = Path(snakemake.output.dataset), snakemake.params.demo, snakemake.params.options
        match snakemake.params.format:
            case "coco":
                scenes.write_coco(folder, **demo, split=options["splits"][0])
            case "voc":
                scenes.write_voc(folder, **demo, split=options["splits"][0])
            case "davis":
                scenes.write_davis(folder, sequences=options["sequences"], frames=demo["images"], seed=demo["seed"])
            case other:
                raise ValueError(f"the demo draws no dataset of format {other!r}; it draws coco, voc and davis")
        log.info("%s scenes of seed %d drawn in %s", snakemake.params.format, demo["seed"], folder)
