"""What a run rests on: versions, datasets and models by their hashes, and the configuration with its defaults."""

import hashlib
import json
import platform
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from semlens.runtime.files import write_atomically
from semlens.runtime.logs import log
from semlens.runtime.version import VERSION, find_commit
from semlens.storage.environment import PACKAGES, Environment
from semlens.storage.prototype_keys import ENVIRONMENT
from semlens.storage.table_reader import read_schema, read_table

_HERE = ("numpy", "scipy", "pandas", "pyarrow")


def describe_run(
    *,
    prototypes: Iterable[str | Path],
    manifests: Iterable[str | Path],
    folders: Mapping[str, str],
    settings: Mapping[str, Any],
    tools: Mapping[str, str],
    html: str | Path,
    json_: str | Path,
) -> None:
    """Write a piece of HTML, and the same for programs, that name what a run rests on.

    Parameters
    ----------
    prototypes
        Shards in folders of their model and dataset. They say what made their features, and from which files.
    manifests
        The instances that were studied, by shard.
    folders
        Of the datasets, by name.
    settings
        The configuration.
    tools
        Versions of what else took part.
    """
    wanted = {name: entry.get("classes", ()) for name, entry in settings["datasets"].items()}
    made = {Path(path): json.loads(read_schema(path).metadata[ENVIRONMENT]) for path in prototypes}
    found = {
        "software": pd.DataFrame(_list_software(tools)),
        "stages": pd.DataFrame(_list_stages(made)),
        "datasets": pd.DataFrame(_list_datasets(manifests, folders, made, wanted)),
        "models": pd.DataFrame(_list_files(made), columns=["model", "file", "sha256", "origin", "shards"]),
    }
    configuration = yaml.safe_dump(_to_plain(settings), sort_keys=False, allow_unicode=True)
    with write_atomically(json_) as file:
        tables = {name: table.to_dict(orient="records") for name, table in found.items()}
        written = json.dumps(tables | {"configuration": _to_plain(settings)}, indent=1, ensure_ascii=False)
        file.write_text(written, encoding="utf-8")
    body = "".join(f"<h3>{name.capitalize()}</h3>{_to_html(table)}" for name, table in found.items())
    body += f"<h3>Configuration</h3><pre tabindex='0'>{escape(configuration)}</pre>"
    with write_atomically(html) as file:
        file.write_text(body, encoding="utf-8")
    log.info("%d instances, %d files of models", found["datasets"]["instances"].sum(), len(found["models"]))


def _list_software(tools: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the versions of what describes the run."""
    yield {"package": "semlens", "version": VERSION, "where": f"commit {find_commit()}"}
    yield {"package": "Python", "version": platform.python_version(), "where": platform.platform()}
    for name, number in {**tools, **{name: version(name) for name in _HERE}}.items():
        yield {"package": name, "version": number, "where": "report"}


def _list_stages(made: Mapping[Path, Environment]) -> Iterator[dict[str, Any]]:
    """Yield, for each stage, device, commit and set of versions that made prototypes: how many, and when."""
    dates: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for stages in made.values():
        for stage, with_what in stages.items():
            versions = {name: with_what[name] for name in ("semlens", *PACKAGES) if name in with_what}
            text = ", ".join(f"{name} {number}" for name, number in versions.items())
            if seen := with_what.get("preprocessing"):
                text += f"; images {seen['resample']}, minus {seen['mean']}, divided by {seen['std']}"
            dates[stage, with_what["device"], with_what["commit"], text].append(with_what["date"])
    for (stage, device, commit, text), when in dates.items():
        counts = {"first": min(when), "last": max(when), "shards": len(when)}
        yield {"stage": stage, "device": device, "commit": commit, **counts, "versions": text}


def _list_datasets(
    manifests: Iterable[str | Path],
    folders: Mapping[str, str],
    made: Mapping[Path, Environment],
    wanted: Mapping[str, Sequence[str]],
) -> Iterator[dict[str, Any]]:
    """Yield what was studied of each dataset, and which of the wanted classes none of its images shows.

    The first hash is that of its shards' rows, masks included, as CSV; the second of the pixels that were read.
    """
    classes: dict[str, set[str]] = defaultdict(set)
    images: dict[str, set[str]] = defaultdict(set)
    instances: Counter[str] = Counter()
    digests: dict[str, Any] = defaultdict(hashlib.sha256)
    for path in manifests:
        for name, rows in read_table(path).groupby("dataset", sort=False):
            images[name].update(rows["image_id"])
            instances[name] += len(rows)
            classes[name].update(rows["class_name"])
            digests[name].update(rows.to_csv(index=False).encode())
    for name, digest in digests.items():
        of_dataset = [stage for path, stages in made.items() if path.parts[-2] == name for stage in stages.values()]
        encoded = {stage["images"] for stage in of_dataset if "images" in stage}
        pixels = hashlib.sha256("".join(sorted(encoded)).encode()).hexdigest()
        counts = {"images": len(images[name]), "instances": instances[name]}
        hashes = {"instances_sha256": digest.hexdigest(), "pixels_sha256": pixels}
        absent = ", ".join(one for one in wanted.get(name, ()) if one not in classes[name])
        if absent:
            log.warning("dataset %r: no image that is studied shows %s", name, absent)
        yield {"dataset": name, "folder": folders[name], **counts, "absent_classes": absent, **hashes}


def _list_files(made: Mapping[Path, Environment]) -> Iterator[tuple[str, str, str, str, int]]:
    """Yield model, file, hash, origin, and number of shards of every file that was read, as when it was read."""
    read = Counter(
        (path.parts[-3], f"{part}/{file}", sha256, stage.get("origins", {}).get(part, ""))
        for path, stages in made.items()
        for stage in stages.values()
        for part, hashes in stage.get("parts", {}).items()
        for file, sha256 in hashes.items()
    )
    for file, shards in sorted(read.items()):
        yield *file, shards


def _to_plain(value: Any) -> Any:
    """Return plain dictionaries and lists, none of them twice the same object, which YAML would refer to by name."""
    if isinstance(value, Mapping):
        return {key: _to_plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_to_plain(part) for part in value]
    return value


def _to_html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0)
