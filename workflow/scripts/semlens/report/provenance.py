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
from semlens.storage.environment import PACKAGES
from semlens.storage.prototype_keys import ENVIRONMENT
from semlens.storage.table_reader import read_schema, read_table

_HERE = ("numpy", "scipy", "pandas", "pyarrow")
_NO_PART = ".snakemake_timestamp"


_CHUNK = 1 << 22  # bytes


def describe_run(
    *,
    prototypes: Iterable[str | Path],
    manifests: Iterable[str | Path],
    models: Iterable[str | Path],
    settings: Mapping[str, Any],
    tools: Mapping[str, str],
    html: str | Path,
    json_: str | Path,
) -> None:
    """Write a piece of HTML, and the same for programs, that name what a run rests on.

    Parameters
    ----------
    prototypes
        Shards, which name the versions that made their features.
    manifests
        The instances that were studied, by shard.
    models
        Files, or folders of files, that models were read from.
    settings
        The configuration.
    tools
        Versions of what else took part.
    """
    found = {
        "software": pd.DataFrame(_list_software(tools)),
        "stages": pd.DataFrame(_list_stages(prototypes)),
        "datasets": pd.DataFrame(_list_datasets(manifests)),
        "models": pd.DataFrame(_list_files(models), columns=["file", "bytes", "sha256"]),
    }
    configuration = yaml.safe_dump(_to_plain(settings), sort_keys=False, allow_unicode=True)
    with write_atomically(json_) as file:
        tables = {name: table.to_dict(orient="records") for name, table in found.items()}
        written = json.dumps(tables | {"configuration": _to_plain(settings)}, indent=1, ensure_ascii=False)
        file.write_text(written, encoding="utf-8")
    body = "".join(f"<h3>{name.capitalize()}</h3>{_to_html(table)}" for name, table in found.items())
    body += f"<h3>Configuration</h3><pre>{escape(configuration)}</pre>"
    with write_atomically(html) as file:
        file.write_text(body, encoding="utf-8")
    log.info("%d instances, %d files of models", found["datasets"]["instances"].sum(), len(found["models"]))


def _list_software(tools: Mapping[str, str]) -> Iterator[dict[str, Any]]:
    """Yield the versions of what describes the run."""
    yield {"package": "semlens", "version": VERSION, "where": f"commit {find_commit()}"}
    yield {"package": "Python", "version": platform.python_version(), "where": platform.platform()}
    for name, number in {**tools, **{name: version(name) for name in _HERE}}.items():
        yield {"package": name, "version": number, "where": "report"}


def _list_stages(prototypes: Iterable[str | Path]) -> Iterator[dict[str, Any]]:
    """Yield, for each stage, device, commit and set of versions that made prototypes: how many, and when."""
    dates: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for path in prototypes:
        stages = json.loads(read_schema(path).metadata[ENVIRONMENT])
        for stage, made in stages.items():
            versions = {name: made[name] for name in ("semlens", *PACKAGES) if name in made}
            text = ", ".join(f"{name} {number}" for name, number in versions.items())
            dates[stage, made["device"], made["commit"], text].append(made["date"])
    for (stage, device, commit, text), when in dates.items():
        made = {"first": min(when), "last": max(when), "shards": len(when)}
        yield {"stage": stage, "device": device, "commit": commit, **made, "versions": text}


def _list_datasets(manifests: Iterable[str | Path]) -> Iterator[dict[str, Any]]:
    """Yield what was studied of each dataset; the hash is that of its shards' rows, masks included, as CSV."""
    images: dict[str, set[str]] = defaultdict(set)
    instances: Counter[str] = Counter()
    digests: dict[str, Any] = defaultdict(hashlib.sha256)
    for path in manifests:
        for name, rows in read_table(path).groupby("dataset", sort=False):
            images[name].update(rows["image_id"])
            instances[name] += len(rows)
            digests[name].update(rows.to_csv(index=False).encode())
    for name, digest in digests.items():
        counts = {"images": len(images[name]), "instances": instances[name]}
        yield {"dataset": name, **counts, "sha256": digest.hexdigest()}


def _list_files(models: Iterable[str | Path]) -> Iterator[tuple[str, int, str]]:
    """Yield path, size and hash of every file, once."""
    for path in dict.fromkeys(map(Path, models)):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and file.name != _NO_PART:
                yield str(file), file.stat().st_size, _sha256(file)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _to_plain(value: Any) -> Any:
    """Return plain dictionaries and lists, none of them twice the same object, which YAML would refer to by name."""
    if isinstance(value, Mapping):
        return {key: _to_plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_to_plain(part) for part in value]
    return value


def _to_html(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0)
