"""List the layers of a model."""

import pandas as pd

from semlens.models.backbones import load_backbone
from semlens.models.part_files import find_config, read_config
from semlens.runtime.logs import log, log_job
from semlens.storage.layers import LAYERS
from semlens.storage.tables import write_csv

if __name__ == "__main__":
    with log_job(snakemake.log[0]):
        settings, params = snakemake.input.settings, snakemake.params
        config = read_config(find_config(settings[0])) if settings else {}
        table = pd.DataFrame(load_backbone(params.family).list_layers(config, params.size))
        table["depth"] = table.index / max(1, len(table) - 1)
        write_csv(table[list(LAYERS.columns)], LAYERS, snakemake.output.layers)
        log.info("%s:\n%s", snakemake.wildcards.model, table.to_string(index=False))
