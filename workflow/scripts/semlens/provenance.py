"""What a run rests on: versions, datasets and models by their hashes, and the configuration with its defaults."""

import hashlib
import json
import platform
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pandas as pd
import yaml

from semlens import shards
from semlens.files import whole
from semlens.logs import log
from semlens.pages import page

PACKAGES = ("numpy", "scipy", "pandas", "pyarrow")
_RECORDED = "version_"  # attributes of shards
_CHUNK = 1 << 22  # bytes


def describe(
    *,
    latents: Iterable[str | Path],
    manifests: Iterable[str | Path],
    models: Iterable[str | Path],
    settings: Mapping[str, Any],
    html: str | Path,
    json_: str | Path,
) -> None:
    """Write a page, and the same for programs, that tell this run from every other.

    Parameters
    ----------
    latents
        Shards, which name the versions that made them.
    manifests
        The instances that were studied, by shard.
    models
        Files, or folders of files, that models were read from.
    settings
        The configuration.
    """
    found = {
        "software": pd.DataFrame(_software(latents)),
        "datasets": _datasets(manifests),
        "models": pd.DataFrame(_files(models), columns=["file", "bytes", "sha256"]),
    }
    configuration = yaml.safe_dump(_plain(settings), sort_keys=False, allow_unicode=True)
    with whole(json_) as file:
        tables = {name: table.to_dict(orient="records") for name, table in found.items()}
        written = json.dumps(tables | {"configuration": _plain(settings)}, indent=1, ensure_ascii=False)
        file.write_text(written, encoding="utf-8")
    body = "".join(f"<h3>{name.capitalize()}</h3>{_table(table)}" for name, table in found.items())
    body += f"<h3>Configuration</h3><pre>{escape(configuration)}</pre>"
    with whole(html) as file:
        file.write_text(page("What this run rests on", body, "td { text-align: left }"), encoding="utf-8")
    log.info("%d instances, %d files of models", found["datasets"]["instances"].sum(), len(found["models"]))


def _software(latents: Iterable[str | Path]) -> Iterator[dict[str, Any]]:
    """Versions of what analyses, here, and of what made the latents, as these say."""
    yield {"package": "Python", "version": platform.python_version(), "where": platform.platform()}
    yield from ({"package": name, "version": version(name), "where": "analysis"} for name in PACKAGES)
    recorded: Counter[tuple[str, str]] = Counter()
    for path in latents:
        with shards.opened(path) as shard:
            recorded.update(
                (name.removeprefix(_RECORDED), str(value))
                for name, value in shard.attrs.items()
                if name.startswith(_RECORDED)
            )
    for (name, which), count in sorted(recorded.items()):
        yield {"package": name, "version": which, "where": f"{count} shards of latents"}


def _datasets(manifests: Iterable[str | Path]) -> pd.DataFrame:
    """What was studied of each dataset; the hash is that of the instances' rows, masks included, as CSV."""
    rows = pd.concat([pd.read_parquet(path) for path in manifests], ignore_index=True)
    return pd.DataFrame(
        {
            "dataset": name,
            "images": studied["image_id"].nunique(),
            "instances": len(studied),
            "sha256": hashlib.sha256(studied.to_csv(index=False).encode()).hexdigest(),
        }
        for name, studied in rows.groupby("dataset", sort=False)
    )


def _files(models: Iterable[str | Path]) -> Iterator[tuple[str, int, str]]:
    """Path, size and hash of every file."""
    for path in map(Path, models):
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file():
                yield str(file), file.stat().st_size, _sha256(file)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Plain dictionaries and lists, none of them twice the same object, which YAML would refer to by name."""
    if isinstance(value, Mapping):
        return {key: _plain(part) for key, part in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(part) for part in value]
    return value


def _table(table: pd.DataFrame) -> str:
    return table.to_html(index=False, border=0)
