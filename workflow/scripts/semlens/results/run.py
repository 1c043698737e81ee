"""One run's results: what it asked, its statistics, distances, prototypes, feature maps, images and figures.

Nothing is computed again, and nothing is read before it is asked for.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from pyarrow.dataset import field

from semlens.compare.nearest import find_nearest
from semlens.compare.prototypes import load_prototypes, open_prototypes
from semlens.compare.running_statistics import read_running_statistics
from semlens.config.axes import AXES, SINGLE_AXES
from semlens.config.plan import list_conditions
from semlens.config.schema import Config
from semlens.images.crops import Crop, crop_instance
from semlens.images.original import ORIGINAL
from semlens.images.views import load_view
from semlens.results.figures import draw_figure
from semlens.results.files import COMPARED, RunFiles, check_name, require
from semlens.statistics.comparisons import COMPARISONS
from semlens.statistics.studies import contrast_models
from semlens.storage.csv_tables import read_csv
from semlens.storage.shard_reader import open_shard, read_names, read_samples, read_texts
from semlens.storage.table_reader import read_table


class Prototypes(NamedTuple):
    """Instances, and the prototype of each under one view, timestep and layer set."""

    instances: pd.DataFrame  # a row per instance
    vectors: np.ndarray  # (instances, channels) float32


def open_run(results: str | Path = "results", *, resources: str | Path | None = None) -> "Run":
    """Return the run whose results lie in a folder, finished or not.

    Parameters
    ----------
    results
        The folder that the run writes to.
    resources
        The folder of the datasets that the run fetches or draws: ``resources`` beside the results, if left out. Only
        images are read from it. A relative folder of a user's own images begins beside the results too.

    Raises
    ------
    FileNotFoundError
        If no run has written to the folder.
    ValueError
        If another version of semlens has.
    """
    folder = Path(results)
    beside = folder.absolute().parent / "resources"
    return Run(RunFiles(folder, beside if resources is None else Path(resources)))


class Run:
    """What one run of the workflow has found so far; :func:`semlens.open_run` makes one.

    Everything is named as in the configuration. A name that the run does not have is a ValueError which lists those
    that it has; results that are not there yet are a FileNotFoundError.

    Attributes
    ----------
    folder
        The run's results.
    configuration
        The run's, with its defaults; None until the run is finished.
    """

    def __init__(self, files: RunFiles) -> None:
        self.folder, self.configuration, self._files = files.folder, files.configuration, files
        self._instances: dict[str, pd.DataFrame] = {}

    def __repr__(self) -> str:
        state = "" if self.configuration else ", not finished"
        return f"<semlens run in {self.folder}: {len(self.experiments)} experiments{state}>"

    @cached_property
    def experiments(self) -> pd.DataFrame:
        """What the run asks, a row per experiment, by its name.

        Columns are ``models``, ``datasets``, ``conditions`` and ``sets``, lists of text. Once the run is finished there
        are also ``title``, ``axis`` (what the conditions vary), ``fixed`` (the values on the other axes, a dictionary)
        and ``expected_order`` (of the means of the sets, as Eq. 16 or 17 has it). Until then, rows are the experiments
        that have distances.
        """
        rows = {}
        for name in dict.fromkeys(comparison["experiment"] for comparison in self._files.comparisons):
            compared = [comparison for comparison in self._files.comparisons if comparison["experiment"] == name]
            row = {f"{key}s": list(dict.fromkeys(entry[key] for entry in compared)) for key in ("model", "dataset")}
            rows[name] = row | (self._describe(name) if self.configuration else self._infer(compared[0]))
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("experiment")

    def _describe(self, experiment: str) -> Config:
        entry = self.configuration["experiments"][experiment]
        fixed = [axis for axis in SINGLE_AXES if axis not in AXES[entry["axis"]].parts]
        return {
            "title": entry["title"],
            "axis": entry["axis"],
            "conditions": [condition["name"] for condition in list_conditions(entry)],
            "fixed": {axis: entry[axis] for axis in fixed if entry.get(axis) is not None},
            "sets": list(entry["sets"]),
            "expected_order": list(entry["expected_order"]),
        }

    def _infer(self, comparison: Config) -> Config:
        statistics = read_running_statistics(self._files.find_distances(comparison))
        sets = dict.fromkeys(name for by_set in statistics.values() for name in by_set)
        return {"conditions": list(statistics), "sets": list(sets)}

    def instances(self, dataset: str) -> pd.DataFrame:
        """Return the instances that are studied, with the columns of a manifest and the name of their ``shard``."""
        if dataset not in self._instances:
            tables = []
            for path in self._files.list_manifests(dataset):
                tables.append(read_table(path).assign(shard=path.stem))
            self._instances[dataset] = pd.concat(tables, ignore_index=True)
        return self._instances[dataset].copy()

    def find_images(self, dataset: str) -> Path:
        """Return the folder of a dataset's images."""
        check_name("dataset", dataset, self._files.list_datasets())
        return self._files.find_images(dataset)

    def statistics(
        self,
        kind: str = "sets",
        *,
        experiment: str | None = None,
        model: str | None = None,
        dataset: str | None = None,
    ) -> pd.DataFrame:
        """Return one kind of statistics of all comparisons that have it yet, or of those that are named.

        Parameters
        ----------
        kind
            ``sets``, ``tests``, ``order``, ``separation``, ``class_separation``, ``contrasts``, ``artefacts``,
            and for some experiments ``class_distances``, ``pca`` and ``tasks``.

        Returns
        -------
        DataFrame
            With ``experiment``, ``model``, ``dataset``, and the columns of the kind's file; conditions are text.
        """
        tables, kinds = [], set()
        for comparison in self._files.select_comparisons(experiment, model, dataset):
            found = self._files.find_statistics(comparison)
            kinds |= set(found)
            if kind in found:
                table = read_csv(found[kind])
                names = pd.DataFrame({key: comparison[key] for key in COMPARED}, index=table.index)
                tables.append(pd.concat([names, table], axis=1))
        if not tables:
            raise FileNotFoundError(
                f"{self.folder} has no statistics {kind!r} of what is asked for; there are "
                f"{', '.join(sorted(kinds)) or 'none yet'}"
            )
        return pd.concat(tables, ignore_index=True)

    def influence(self, experiment: str, model: str, dataset: str) -> pd.DataFrame:
        """Return what each image (video) adds to the separations of a comparison.

        Returns
        -------
        DataFrame
            With ``condition``, ``comparison``, ``unit`` and ``influence``. For I units the standard error of a
            separation, or of a difference of separations, is sqrt(I / (I - 1) sum of squares) of the influences, or of
            their differences.
        """
        (comparison,) = self._files.select_comparisons(experiment, model, dataset)
        path = self._files.find_table(comparison, "influence.parquet")
        return read_table(path)

    def contrast(
        self, experiment: str, dataset: str, model: str, other: str, *, comparison: str = "between"
    ) -> pd.DataFrame:
        """Return the separation of a model minus that of another one, on the same images, by condition.

        Parameters
        ----------
        comparison
            ``between`` or ``inside`` images, or ``identity``.

        Returns
        -------
        DataFrame
            With ``condition``, ``difference``, ``se``, ``low`` and ``high`` (its 95 % interval), ``band_low`` and
            ``band_high`` (which hold for all conditions at once).
        """
        entries = [self._files.select_comparisons(experiment, name, dataset)[0] for name in (model, other)]
        check_name("comparison", comparison, COMPARISONS)
        read = self._files.read_comparisons([{**entry, "axis": "", "settings": {}} for entry in entries])
        return contrast_models(read, model, other, comparison)

    def distances(self, experiment: str, model: str, dataset: str, *, condition: str | None = None) -> pd.DataFrame:
        """Return the stored distances of a comparison, or of one of its conditions.

        Of a set with more than ``max_pairs`` pairs (a key of the configuration), a random part is stored.

        Returns
        -------
        DataFrame
            With ``condition``, ``set``, ``instance_a``, ``class_a``, ``instance_b`` and ``class_b`` as categories, and
            ``distance``.
        """
        (comparison,) = self._files.select_comparisons(experiment, model, dataset)
        path = self._files.find_distances(comparison)
        if condition is not None:
            check_name("condition", str(condition), read_running_statistics(path))
        pairs = read_table(path, where=None if condition is None else field("condition") == str(condition))
        class_of = self.instances(dataset).set_index("instance_id")["class_name"]
        classes = sorted(class_of.unique())
        for side in ("a", "b"):
            instances = pairs[f"instance_{side}"].cat
            codes = pd.Categorical(class_of.reindex(instances.categories), classes).codes[instances.codes]
            place = pairs.columns.get_loc(f"instance_{side}") + 1
            pairs.insert(place, f"class_{side}", pd.Categorical.from_codes(codes, classes))
        return pairs

    def agreement(self, name: str) -> pd.DataFrame:
        """Return how alike all representations of an agreement are, on each of its datasets.

        Of an unfinished run, on those that it has.

        Returns
        -------
        DataFrame
            With ``dataset``, and the columns of :data:`semlens.statistics.agreement.table.AGREEMENT_TABLE`: each pair
            of representations once, with all measures; conditions are text.
        """
        tables = [read_csv(path).assign(dataset=path.stem) for path in self._files.list_agreement(name)]
        table = pd.concat(tables, ignore_index=True)
        return table[["dataset", *table.columns.drop("dataset")]]

    def nearest_pairs(
        self, experiment: str, model: str, dataset: str, condition: str, *, sets: Sequence[str] = (), n: int = 10
    ) -> pd.DataFrame:
        """Return the ``n`` nearest of the stored pairs of a condition, nearest first, as :meth:`distances` does.

        Parameters
        ----------
        sets
            Distance sets that pairs may belong to, such as ``["dcdi"]``; all if left out.
        """
        pairs = self.distances(experiment, model, dataset, condition=condition)
        for name in sets:
            check_name("set", name, pairs["set"].cat.categories)
        chosen = pairs[pairs["set"].isin(sets)] if sets else pairs
        return chosen.nsmallest(n, "distance").reset_index(drop=True)

    def prototypes(
        self,
        extraction: str,
        model: str,
        dataset: str,
        *,
        layers: str,
        timestep: int = 0,
        view: str = ORIGINAL,
        discard_channels: int = 0,
        standardize_channels: bool = False,
    ) -> Prototypes:
        """Return the prototypes of a layer set, such as ``enc16.1`` or ``64+32+16``, and the instances they are of.

        Instances that a view does not show have none. Layer sets are those that experiments compare. The last two do
        what an experiment's keys of these names do, from the originals that the extraction has.
        """
        shards = open_prototypes(self._files.list_extracted("prototypes", extraction, model, dataset))
        held = pd.concat([shard.rows[["view", "timestep"]] for shard in shards])
        check_name("layer set", layers, shards[0].layer_sets)
        check_name("view", view, held["view"].unique())
        check_name("timestep", timestep, held["timestep"].unique())
        condition = {"name": layers, "layers": layers, "timestep": timestep, "view": view}
        channels = {"discard_channels": discard_channels, "standardize_channels": standardize_channels}
        rows, vectors = load_prototypes(shards, condition | channels)
        return Prototypes(rows.reset_index(drop=True), vectors)

    def search(self, name: str, model: str, dataset: str, *, summary: bool = False) -> pd.DataFrame:
        """Return every subset of layers that a search tried, best first, or a summary of what was chosen.

        Columns are those of :mod:`semlens.statistics.search_tables`.
        """
        return read_csv(self._files.find_search(name, model, dataset, ".summary.csv" if summary else ".csv"))

    def planes(self, dataset: str) -> Iterator[tuple[dict[str, Any], pd.DataFrame]]:
        """Yield what the explorer shows of a dataset: where objects lie in the plane, and their neighbours.

        Yields
        ------
        dict, DataFrame
            ``extraction``, ``model``, ``layers`` and ``timestep``; and a row per object, see
            :data:`semlens.storage.planes.PLANES`.
        """
        check_name("dataset", dataset, self._files.list_datasets())
        for path in self._files.list_planes(dataset):
            extraction, model = path.parts[-3:-1]
            for (layers, timestep), table in read_table(path).groupby(["layers", "timestep"], sort=False):
                plane = {"extraction": extraction, "model": model, "layers": layers, "timestep": int(timestep)}
                yield plane, table.reset_index(drop=True)

    def neighbours(
        self,
        extraction: str,
        model: str,
        dataset: str,
        instance_ids: Sequence[str],
        *,
        layers: str,
        timestep: int = 0,
        metric: str = "cosine",
        n: int = 8,
    ) -> pd.DataFrame:
        """Return the nearest objects of other images (videos), see :func:`semlens.compare.nearest.find_nearest`.

        Their images are :meth:`crop`'s. Layers are those of :meth:`prototypes`.
        """
        rows, vectors = self.prototypes(extraction, model, dataset, layers=layers, timestep=timestep)
        place_of = {name: place for place, name in enumerate(rows["instance_id"])}
        for name in instance_ids:
            check_name("instance", name, place_of)
        return find_nearest(rows, vectors, [place_of[name] for name in instance_ids], metric, n=n)

    def feature_map(
        self,
        extraction: str,
        model: str,
        dataset: str,
        sample_id: str,
        *,
        layer: str,
        timestep: int = 0,
        view: str = ORIGINAL,
    ) -> np.ndarray:  # (channels, height, width) float32
        """Return what one layer says of a sample: of an image, or of an instance's crop.

        Parameters
        ----------
        sample_id
            An ``image_id`` of :meth:`instances`, or an ``instance_id`` where the view crops instances.

        Raises
        ------
        FileNotFoundError
            If the extraction kept prototypes only.
        """
        key = "instance_id" if load_view(view).per_instance else "image_id"
        shard_of = self.instances(dataset).drop_duplicates(key).set_index(key)["shard"]
        check_name(key, sample_id, shard_of.index)
        if not self._files.keeps_maps(extraction):
            raise FileNotFoundError(
                f"extraction {extraction!r} kept prototypes only; set its 'keep' to 'maps' and run again, or read "
                f"the run's 'prototypes'"
            )
        path = self._files.list_extracted("features", extraction, model, dataset)[0]
        with open_shard(require(path.with_stem(shard_of[sample_id]))) as shard:
            check_name("view", view, read_names(shard))
            check_name("timestep", timestep, [int(name[1:]) for name in read_names(shard, view) if name != "sample_id"])
            check_name("layer", layer, read_names(shard, f"{view}/t{timestep}"))
            position = read_texts(shard, f"{view}/sample_id").index(sample_id)
            return read_samples(shard, f"{view}/t{timestep}/{layer}", position).astype(np.float32)

    def crop(self, dataset: str, instance_id: str, *, margin: float = 0.1) -> Crop:
        """Return an instance cut out of its image.

        Parameters
        ----------
        margin
            How much of the surroundings is kept on each side, as a share of the instance's width and height.

        Raises
        ------
        FileNotFoundError
            If the image is not where the dataset should lie.
        """
        instances = self.instances(dataset).set_index("instance_id")
        check_name("instance", instance_id, instances.index)
        images = self._files.find_images(dataset)
        return crop_instance(instances.loc[instance_id], images, exif=self._files.find_exif(dataset), margin=margin)

    def plot(self, experiment: str, kind: str | None = None) -> plt.Figure:
        """Return a figure of a finished run, drawn again: it can be changed, and saved with ``savefig``.

        Parameters
        ----------
        kind
            One of the experiment's kinds of figures in :mod:`semlens.draw.kinds`, such as ``boxes``, ``objects`` or
            ``class_distances``; the first of them if left out.
        """
        figure = draw_figure(self._files, experiment, kind)
        plt.close(figure)  # or a notebook shows it twice
        return figure
