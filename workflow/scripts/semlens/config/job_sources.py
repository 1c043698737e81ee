"""The code inputs of jobs: what each runs, found by what its rule and its wildcards name."""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from semlens.config.models import get_family
from semlens.config.schema import Config
from semlens.config.sources import list_sources
from semlens.images.views import parse_view


class JobSources:
    """Which files are a job's code.

    Parameters
    ----------
    config
        The configuration.
    scripts
        The folder of the scripts and the library.
    name
        Of a file: its path, as jobs name it.
    """

    def __init__(self, config: Config, scripts: Path, name: Callable[[Path], str]) -> None:
        self._config, self._scripts, self._name = config, scripts, name

    def list_files(self, script: str, *variants: str) -> list[str]:
        """Return a script, the variants that it loads by name, and all modules that they import."""
        files = [script, *(f"semlens/{variant}.py" for variant in variants)]
        return [self._name(path) for path in list_sources(self._scripts, *files)]

    def list_files_with_views(self, script: str, *groups: str, more: Iterable[str] = ()) -> list[str]:
        """Return the code of a job that shows images under the views of some groups."""
        views = {parse_view(view)[0] for group in groups for view in self._config["views"][group]}
        return self.list_files(script, *(f"images/views/{view}" for view in sorted(views)), *more)

    def of_metrics(self, script: str, metrics: Callable[[Any], Iterable[str]]) -> Callable[[Any], list[str]]:
        """Return an input function: a job that measures the distances that a function of wildcards names."""
        return lambda wildcards: self.list_files(
            script, *(f"compare/metrics/{metric}" for metric in metrics(wildcards))
        )

    def of_extractor(self, script: str) -> Callable[[Any], list[str]]:
        """Return an input function: a job that runs a network of some family on samples of some views."""
        return lambda wildcards: self.list_files_with_views(
            script,
            self._config["extractions"][wildcards.extraction]["views"],
            more=[f"models/backbones/{get_family(self._config, wildcards.model)}"],
        )
