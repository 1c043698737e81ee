"""A configuration, checked and filled in, to what follows from it; and whose results these are."""

import atexit
import os
import sys
import time
from pathlib import Path

STARTED = time.time()
HOME = Path(workflow.current_basedir).parents[1]
SCRIPTS = HOME / "workflow" / "scripts"
sys.path.insert(0, str(SCRIPTS))
os.environ.update(PYTHONPATH=os.pathsep.join(filter(None, [str(SCRIPTS), os.environ.get("PYTHONPATH")])))

from semlens.compare.metrics import list_metrics
from semlens.config import plan, propagations
from semlens.config.load import load_configuration
from semlens.config.model_sources import ModelSources
from semlens.config.paths import Paths
from semlens.config.results_folder import check_results, find_unrecorded, record_owner
from semlens.runtime.logs import list_failures
from semlens.runtime.progress import name_stages, show_stages


def here(path):
    """A path of the repository as jobs name it: relative where the workflow runs in the repository."""
    return local(str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path))


def locate(path, modifier=workflow.modifier):
    """Where an artefact lies, seen from the working directory: for parameters, in which Snakemake expands no path."""
    return str(modifier.path_modifier.modify(modifier.pathvars.apply(path)))


OWNER = workflow.configfiles or [workflow.main_snakefile]
try:
    REGISTRY = load_configuration(config, HOME, list_metrics(), workflow.configfiles)
    if workflow.is_main_process:
        check_results(locate("<results>"), config, OWNER)
except (ValueError, OSError) as error:
    raise WorkflowError(str(error)) from None

if workflow.is_main_process and (unrecorded := find_unrecorded(locate("<results>"), ".snakemake/metadata")):
    logger.warning(
        f"Snakemake has no record of how {unrecorded[0]} was made, perhaps because results were copied without "
        f".snakemake: changes of the configuration and of your files cannot be seen. To accept what is there, call "
        f"snakemake --touch --cores 1; to make it anew, snakemake --forceall."
    )

if workflow.is_main_process and workflow.modifier.is_main_snakefile():
    show_stages(logger, workflow.output_settings, lambda: name_stages(workflow.rules, HOME / "workflow" / "rules"))


onstart:
    record_owner(locate("<results>"), config, OWNER)


onerror:
    # Snakemake ends with lines about itself. What failed, and why, comes after them.
    if failures := list_failures(log[0], since=STARTED):
        atexit.register(sys.stderr.write, "\n".join(["", "What failed:", *failures, ""]))


models = ModelSources(config, REGISTRY, str(here(HOME / "resources" / "demo" / "model")), SCRIPTS)
paths = Paths(config, REGISTRY, models, SCRIPTS)
EXTRACTED = plan.list_extraction_shards(config)
COMPARED = plan.list_comparisons(config)
JUDGED = plan.list_judged_comparisons(config)
