"""The files of a run's results, found by the names that its configuration uses."""

import json
from collections.abc import Iterable, Sequence
from functools import cached_property
from glob import escape
from pathlib import Path
from typing import Any

from semlens.config.plan import keeps_maps, list_comparisons, list_projections, list_shards
from semlens.config.readings import find_maps
from semlens.config.schema import Config
from semlens.config.studies import list_runs
from semlens.statistics.studies import Comparison, read_comparisons

COMPARED = ("experiment", "model", "dataset")
_RECORD = "provenance.json"
_FIRST = "index"  # the folder that a run writes first
_SHARD = "[0-9][0-9][0-9][0-9][0-9].*"


class RunFiles:
    """The files of one run, finished or not, and its configuration, which is None until the run is finished."""

    def __init__(self, folder: Path, resources: Path) -> None:
        if not (folder / _RECORD).is_file() and not (folder / _FIRST).is_dir():
            raise FileNotFoundError(
                f"{folder} holds no run: there is neither {_RECORD} nor {_FIRST}/; name the folder that the workflow "
                f"writes to ('results' unless the configuration's pathvars say otherwise), or run the workflow first"
            )
        self.folder, self._resources = folder, resources
        self.configuration, self._datasets = _read_record(folder / _RECORD)

    @cached_property
    def comparisons(self) -> list[Config]:
        """Experiment, model and dataset of every comparison that is asked for, or that an unfinished run has."""
        if self.configuration is not None:
            return list_comparisons(self.configuration)
        paths = sorted(path for path in (self.folder / "distances").glob("*/*/*.parquet") if "." not in path.stem)
        return [dict(zip(COMPARED, (*path.parts[-3:-1], path.stem), strict=True)) for path in paths]

    def select_comparisons(self, experiment: str | None, model: str | None, dataset: str | None) -> list[Config]:
        """Return the comparisons of these names; None stands for any.

        Raises
        ------
        ValueError
            If a name is unknown.
        """
        chosen = self.comparisons
        for key, name in zip(COMPARED, (experiment, model, dataset), strict=True):
            if name is not None:
                check_name(key, name, (comparison[key] for comparison in chosen))
                chosen = [comparison for comparison in chosen if comparison[key] == name]
        return chosen

    def find_distances(self, comparison: Config) -> Path:
        """Return the distances of a comparison."""
        return require(self.folder / "distances/{experiment}/{model}/{dataset}.parquet".format_map(comparison))

    def find_tokens(self, source: Config) -> Path:
        """Return the artefacts of an extraction with a model on a dataset."""
        return require(self.folder / "tokens/{extraction}/{model}/{dataset}.csv".format_map(source))

    def find_search(self, name: str, model: str, dataset: str, suffix: str) -> Path:
        """Return a table of a search."""
        if self.configuration is not None:
            check_name("search", name, self.configuration.get("searches", {}))
            runs = list_runs(self.configuration, "searches", name)
            check_name("model", model, [run["model"] for run in runs])
            check_name("dataset", dataset, [run["dataset"] for run in runs])
        return require(self.folder / "search" / name / model / f"{dataset}{suffix}")

    def list_datasets(self) -> list[str]:
        """Return the names of the datasets that are studied."""
        return sorted(path.name for path in (self.folder / "manifests").glob("*"))

    def list_planes(self, dataset: str) -> list[Path]:
        """Return the planes of a dataset, of all extractions and models."""
        paths = sorted(self.folder.glob(f"planes/*/*/{escape(dataset)}.parquet"))
        wanted = list_projections(self.configuration) if self.configuration else None
        found = [path for path in paths if wanted is None or _name_projection(path) in wanted]
        if not found and (wanted is None or any(job["dataset"] == dataset for job in wanted)):
            raise FileNotFoundError(f"{self.folder} has no planes of {dataset!r}: the run has not come so far")
        return found

    def find_statistics(self, comparison: Config) -> dict[str, Path]:
        """Return the statistics that a comparison has yet, by kind."""
        start = self.folder / "statistics/{experiment}/{model}/{dataset}.".format_map(comparison)
        return {path.name.split(".")[-2]: path for path in sorted(start.parent.glob(f"{start.name}*.csv"))}

    def find_table(self, comparison: Config, name: str) -> Path:
        """Return one table of a comparison's statistics, such as ``separation.csv``."""
        start = self.folder / "statistics/{experiment}/{model}/{dataset}.".format_map(comparison)
        return require(start.with_name(start.name + name))

    def read_comparisons(self, records: Sequence[Config]) -> list[Comparison]:
        """Return comparisons with their statistics, see :func:`semlens.statistics.studies.read_comparisons`."""
        names = {"separation": "separation.csv", "order": "order.csv", "influence": "influence.parquet"}
        files = {key: [self.find_table(record, name) for record in records] for key, name in names.items()}
        return read_comparisons(records, **files)

    def list_agreement(self, name: str) -> list[Path]:
        """Return the tables of an agreement, dataset by dataset."""
        folder = self.folder / "agreement"
        if self.configuration is not None:
            asked = self.configuration.get("agreements", {})
            check_name("agreement", name, asked)
            return [require(folder / name / f"{dataset}.csv") for dataset in asked[name]["datasets"]]
        check_name("agreement", name, sorted(path.name for path in folder.glob("*")))
        return [path for path in sorted((folder / name).glob("*.csv")) if "." not in path.stem]

    def list_manifests(self, dataset: str) -> list[Path]:
        """Return the manifests of a dataset's shards, in order."""
        return self._list_shards("manifests", dataset=dataset)

    def keeps_maps(self, extraction: str) -> bool:
        """Return whether an extraction keeps feature maps; of an unfinished run, whether it has kept any."""
        if self.configuration is not None:
            check_name("extraction", extraction, self.configuration["extractions"])
            return keeps_maps(self.configuration["extractions"][extraction])
        features, prototypes = (self.folder / stage / extraction for stage in ("features", "prototypes"))
        return features.is_dir() or not prototypes.is_dir()

    def list_extracted(self, stage: str, extraction: str, model: str, dataset: str) -> list[Path]:
        """Return the shards of ``features`` or ``prototypes``, in order."""
        if stage == "features" and self.configuration is not None:
            extraction = find_maps(self.configuration, extraction)
        return self._list_shards(stage, extraction=extraction, model=model, dataset=dataset)

    def find_images(self, dataset: str) -> Path:
        """Return the folder of a dataset's images: the user's own, downloaded one by one, or made for it."""
        source = self.configuration["datasets"][dataset]["source"] if self.configuration else {}
        if "folder" in source:
            return self.folder.absolute().parent / source["folder"]
        listed = self._resources / "images" / source.get("download", "")
        if "download" in source and listed.is_dir():
            return listed
        if dataset in self._datasets:
            return self._resources / "datasets" / Path(self._datasets[dataset]).name
        made = list((self._resources / "datasets").glob(f"{escape(dataset)}-{'[0-9a-f]' * 12}"))
        if len(made) != 1:
            raise FileNotFoundError(
                f"{self._resources / 'datasets'} has {len(made)} folders of dataset {dataset!r}; finish the run, whose "
                f"{_RECORD} names the right one"
            )
        return made[0]

    def find_exif(self, dataset: str) -> str:
        """Return what is done about EXIF orientations of a dataset."""
        return self.configuration["datasets"][dataset].get("exif", "ignore") if self.configuration else "ignore"

    def _list_shards(self, stage: str, **names: str) -> list[Path]:
        """Return the shards in a folder of a stage, but for those that a larger dataset left behind."""
        folder = self.folder / stage
        for kind, name in names.items():
            if folder.is_dir():
                check_name(kind, name, sorted(path.name for path in folder.iterdir()))
            folder /= name
        wanted = list_shards(self.configuration, names["dataset"]) if self.configuration else None
        paths = [path for path in sorted(folder.glob(_SHARD)) if wanted is None or path.stem in wanted]
        if not paths:
            raise FileNotFoundError(f"{folder} has no shards: the run has not come so far, or they were deleted")
        return paths


def require(path: Path) -> Path:
    """Return a file; refuse one that is not there."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there: the run has not come so far, or it was deleted")
    return path


def check_name(kind: str, name: Any, known: Iterable[Any]) -> None:
    """Refuse a name that is not known, and list those that are."""
    names = list(dict.fromkeys(known))
    if name not in names:
        few = ", ".join(map(str, names[:20])) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
        raise ValueError(f"there is no {kind} {name!r}; there are {few or 'none yet'}")


def _name_projection(path: Path) -> Config:
    extraction, model = path.parts[-3:-1]
    return {"extraction": extraction, "model": model, "dataset": path.stem}


def _read_record(path: Path) -> tuple[Config | None, dict[str, str]]:
    """Return the configuration of a finished run, and its datasets' folders."""
    if not path.is_file():
        return None, {}
    record = json.loads(path.read_text(encoding="utf-8"))
    configuration = record["configuration"]
    if missing := {"models", "datasets", "extractions", "experiments"} - configuration.keys():
        raise ValueError(
            f"{path} was written by another version of semlens: its configuration has no "
            f"{', '.join(sorted(missing))}; run again with this version"
        )
    return configuration, {entry["dataset"]: entry["folder"] for entry in record["datasets"]}
