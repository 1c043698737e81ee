"""List the layers of a model."""

import json
from pathlib import Path

import pandas as pd

from semlens.models.backbones import load_backbone
from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log, log_job

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        config = json.loads(Path(snakemake.input.config).read_text())
        table = pd.DataFrame(load_backbone(snakemake.params.backbone).list_layers(config))
        with write_atomically(snakemake.output.layers) as file:
            table.to_csv(file, index=False)
        log.info("%s:\n%s", snakemake.wildcards.model, table.to_string(index=False))
