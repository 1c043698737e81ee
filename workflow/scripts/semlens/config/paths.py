"""Where artefacts lie: patterns whose parts in angle brackets are Snakemake's path variables."""

from collections.abc import Iterable
from pathlib import Path

from semlens.config.agreements import list_representations
from semlens.config.digests import digest_code, digest_files, digest_values
from semlens.config.model_sources import ModelSources
from semlens.config.models import find_base_model, find_text_model
from semlens.config.plan import (
    get_criteria,
    get_reader_options,
    get_shard_range,
    is_template,
    keeps_maps,
    list_extraction_shards,
    list_extractions_of,
    list_shards,
)
from semlens.config.readings import find_maps
from semlens.config.schema import Config
from semlens.config.studies import list_runs
from semlens.runtime.registry import Registry, list_archives, list_files


class Paths:
    """The artefacts that jobs of a configuration read and write."""

    def __init__(self, config: Config, registry: Registry, models: ModelSources, scripts: Path) -> None:
        self._config, self._registry, self._models, self._scripts = config, registry, models, scripts

    def find_dataset(self, dataset: str) -> str:
        """Return the folder that is made for a dataset, or a user's own, used in place."""
        source = self._config["datasets"][dataset]["source"]
        return source.get("folder") or f"<resources>/datasets/{dataset}-{self._digest_dataset(dataset)}"

    def find_images(self, dataset: str, shard: str) -> str:
        """Return what holds a shard's images: the dataset's folder, or the list of those downloaded one by one."""
        name = self._config["datasets"][dataset]["source"].get("download")
        if name is not None and "images" in self._registry["datasets"][name]:
            entry, images = self._config["datasets"][dataset], get_shard_range(self._config, dataset, shard)
            listed = digest_files([entry["list"]["file"]]) if "file" in entry.get("list", {}) else entry.get("list")
            options = get_reader_options(entry)
            key = digest_values(self._digest_dataset(dataset), options, get_criteria(entry), listed, images)
            return f"<resources>/images/{name}/{dataset}-{shard}-{key}.csv"
        return self.find_dataset(dataset)

    def _digest_dataset(self, dataset: str) -> str:
        """Return a digest of all that decides what is in the folder that is made for a dataset."""
        entry = self._config["datasets"][dataset]
        options = get_reader_options(entry)
        if "demo" in entry["source"]:
            code = digest_code(self._scripts, "render_dataset.py")
            return digest_values(entry["format"], entry["source"], options, code)
        known, name = list_files(self._registry), entry["source"]["download"]
        archives = [known[file]["sha256"] for file in list_archives(self._registry, name)]
        return digest_values(archives, self._registry["datasets"][name]["keep"], sorted(options["sequences"] or []))

    def list_images(self, dataset: str) -> list[str]:
        """Return what holds a dataset's images, of all its shards."""
        return sorted({self.find_images(dataset, shard) for shard in list_shards(self._config, dataset)})

    def find_image_list(self, dataset: str) -> str | list:
        """Return the published list of a dataset's images; an empty list where criteria choose them."""
        entry = self._config["datasets"][dataset].get("list", {})
        return self._models.find_download(entry["download"]) if "download" in entry else entry.get("file", [])

    def list_manifests(self, dataset: str) -> list[str]:
        """Return the manifests of all shards of a dataset."""
        return [f"<results>/manifests/{dataset}/{shard}.parquet" for shard in list_shards(self._config, dataset)]

    def find_latents(self, *, extraction: str, model: str, dataset: str, shard: str) -> str | list:
        """Return the latents that an extraction of a shard reads; an empty list if it reads images."""
        if self._models.get_family(model).READS != "latents":
            return []
        views = self._config["extractions"][extraction]["views"]
        return f"<results>/latents/{find_base_model(self._config, model)}/{dataset}/{views}/{shard}.h5"

    def find_embedding(self, *, extraction: str, model: str, dataset: str, shard: str) -> str | list:
        """Return the text embedding that an extraction of a shard reads, one for all or one per sample; or none."""
        if getattr(self._models.get_family(model), "TEXT", None) is None:
            return []
        entry = self._config["extractions"][extraction]
        prompt = f"<results>/prompts/{find_text_model(self._config, model)}/{entry['prompt']}"
        if is_template(self._config["prompts"][entry["prompt"]]):
            return f"{prompt}/{dataset}/{entry['views']}/{shard}.h5"
        return f"{prompt}.h5"

    def list_encodings(self) -> list[str]:
        """Return the latents and text embeddings that all extractions read."""
        jobs = list_extraction_shards(self._config)
        found = [find(**job) for job in jobs for find in (self.find_latents, self.find_embedding)]
        return sorted({path for path in found if path})

    def find_squares(self, *, extraction: str, model: str, dataset: str, shard: str) -> str | list:
        """Return the images that an extraction of a shard reads itself; an empty list if it reads latents."""
        return self.find_images(dataset, shard) if self._models.get_family(model).READS == "images" else []

    def find_extracted(self, *, extraction: str, model: str, dataset: str, shard: str) -> str:
        """Return what an extraction of a shard keeps: feature maps, or their prototypes alone."""
        if not keeps_maps(self._config["extractions"][extraction]):
            return f"<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
        return f"<results>/features/{find_maps(self._config, extraction)}/{model}/{dataset}/{shard}.h5"

    def list_prototypes(self, experiment: str, model: str, dataset: str) -> list[str]:
        """Return all prototypes of a model and dataset that an experiment compares, extraction by extraction."""
        return [
            f"<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
            for extraction in list_extractions_of(self._config, experiment, dataset)
            for shard in list_shards(self._config, dataset)
        ]

    def list_agreement_prototypes(self, agreement: str, dataset: str) -> list[str]:
        """Return all prototypes that an agreement compares on a dataset, each once."""
        compared = [(one["experiment"], one["model"]) for one in list_representations(self._config, agreement)]
        return list(dict.fromkeys(path for pair in compared for path in self.list_prototypes(*pair, dataset)))

    def list_all_prototypes(self) -> list[str]:
        """Return the prototypes of all extractions."""
        pattern = "<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
        return [pattern.format_map(job) for job in list_extraction_shards(self._config)]


def list_statistics(kind: str, comparisons: Iterable[Config], suffix: str = "csv") -> list[str]:
    """Return one kind of statistics of some comparisons."""
    pattern = f"<results>/statistics/{{experiment}}/{{model}}/{{dataset}}.{kind}.{suffix}"
    return [pattern.format_map(comparison) for comparison in comparisons]


def list_unit_totals(comparisons: Iterable[Config]) -> list[str]:
    """Return the totals by image (video) of some comparisons' distances."""
    pattern = "<results>/distances/{experiment}/{model}/{dataset}.unit_totals.parquet"
    return [pattern.format_map(comparison) for comparison in comparisons]


def list_searches(config: Config, search: str | None = None, kind: str = "") -> list[str]:
    """Return the tables of all searches, or of one; with the kind ``.summary`` their summaries."""
    return [
        f"<results>/search/{name}/{run['model']}/{run['dataset']}{kind}.csv"
        for name in (config.get("searches", {}) if search is None else [search])
        for run in list_runs(config, "searches", name)
    ]
