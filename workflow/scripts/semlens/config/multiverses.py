"""What a multiverse asks: one question under combinations of choices, and what must be read for them.

A specification is one combination. Choices that change prototypes make a reading; what others read is shared. For a
reading that the configuration's extractions do not have, extractions are derived from them, and where needed models and
datasets, with names such as ``plain.noise-false.mask-area``.
"""

import re
from collections import defaultdict
from collections.abc import Iterator
from itertools import product
from math import prod
from typing import Any

from semlens.config.axes import AXES
from semlens.config.choices import CHOICES, format_choice
from semlens.config.plan import get_extraction_seed, get_options, is_template, list_conditions, list_shards
from semlens.config.schema import Config
from semlens.config.studies import list_runs
from semlens.config.subsets import choose_balanced
from semlens.images.original import ORIGINAL

BASE = "base"  # the reading of a multiverse that varies none
MAX_SPECIFICATIONS = 2_000
_LONGEST = 200  # bytes of a name: file systems take 255, and something is added
_OF_EXTRACTIONS = ("noise", "inference_steps", "posterior", "prompt", "seed", "mask")
_OF_READINGS = (*_OF_EXTRACTIONS, "resize")
_JOINED = ("datasets", "layers", "timesteps")
_SEEDED = ("metric", "layers", "timestep")  # keys of an experiment with seeds that its multiverse has too


def list_specifications(config: Config, multiverse: str) -> list[Config]:
    """Return the specifications of a multiverse, in the order of its choices.

    Each has its ``name``, its ``choices`` by key, the ``reading`` that it compares, and what decides the comparison: a
    condition (see :func:`semlens.config.plan.list_conditions`), ``average``, ``dunn``, and ``by_area``: whether small
    objects, which are read, are left out.
    """
    entry = config["multiverses"][multiverse]
    return [_specify(config, entry, choices) for choices in _combine(entry, config["seed"])]


def list_readings(config: Config, multiverse: str) -> list[str]:
    """Return the names of the readings that specifications compare, each once."""
    return list(dict.fromkeys(one["reading"] for one in list_specifications(config, multiverse)))


def list_reading_specifications(config: Config, multiverse: str, reading: str) -> list[Config]:
    """Return the specifications that compare one reading."""
    return [one for one in list_specifications(config, multiverse) if one["reading"] == reading]


def count_possible(config: Config, multiverse: str) -> int:
    """Return how many combinations of its choices there are."""
    return prod(map(len, config["multiverses"][multiverse]["vary"].values()))


def list_reading_metrics(config: Config, multiverse: str, reading: str) -> list[str]:
    """Return the metrics that the specifications of a reading name, each once."""
    return sorted({one["metric"] for one in list_reading_specifications(config, multiverse, reading)})


def find_read(config: Config, multiverse: str, reading: str, model: str, dataset: str) -> list[Config]:
    """Return extraction, model and dataset of all that a reading of a model and a dataset is made of."""
    entry = config["multiverses"][multiverse]
    choices = list_reading_specifications(config, multiverse, reading)[0]["choices"]
    dataset = _find_dataset(config, entry, dataset)[0]
    return [
        {"extraction": name, "model": _find_model(config, choices, model)[0], "dataset": dataset}
        for base in entry["extractions"]
        for name, extraction in _derive_extractions(config, multiverse, base, choices)
        if dataset in extraction["datasets"]
    ]


def list_read_prototypes(config: Config, multiverse: str, reading: str, model: str, dataset: str) -> list[str]:
    """Return the prototypes of :func:`find_read`, of all shards."""
    pattern = "<results>/prototypes/{extraction}/{model}/{dataset}/{shard}.parquet"
    return [
        pattern.format_map(read | {"shard": shard})
        for read in find_read(config, multiverse, reading, model, dataset)
        for shard in list_shards(config, read["dataset"])
    ]


def list_measured(config: Config, multiverse: str, kind: str) -> list[str]:
    """Return one kind of what is measured, such as ``estimates.csv``: of all readings of a run, run by run."""
    return [
        f"<results>/multiverses/{multiverse}/{run['model']}/{run['dataset']}/{reading}.{kind}"
        for run in list_runs(config, "multiverses", multiverse)
        for reading in list_readings(config, multiverse)
    ]


def list_read_layers(config: Config, extraction: str, dataset: str) -> list[str]:
    """Return the layer sets that multiverses read from an extraction of a dataset."""
    held = {key: _get(config, extraction, key) for key in _OF_EXTRACTIONS if key != "seed"}
    found: set[str] = set()
    for multiverse, entry in config.get("multiverses", {}).items():
        if dataset in (_find_dataset(config, entry, wanted)[0] for wanted in entry["datasets"]):
            for choices in _combine(entry, config["seed"]):
                if all(choices.get(key, value) == value for key, value in held.items()):
                    one = {**entry, **choices}
                    for base in entry["extractions"]:
                        derived = dict(_derive_extractions(config, multiverse, base, choices))
                        if one["timestep"] in derived.get(extraction, {}).get("timesteps", ()):
                            found.add(one["layers"])
    return sorted(found)


def list_derived(config: Config) -> set[str]:
    """Return the names of the extractions that only multiverses need."""
    return {
        name
        for multiverse, entry in config.get("multiverses", {}).items()
        for choices in _list_distinct(list_specifications(config, multiverse))
        for base in entry["extractions"]
        for name, _ in _derive_extractions(config, multiverse, base, choices)
        if name != base
    }


def expand_multiverses(config: Config) -> None:
    """Add what multiverses read, in place: extractions, and the models and datasets that these need.

    Experiments with ``seeds`` become multiverses first.

    Raises
    ------
    ValueError
        If a multiverse names what there is not, has too many specifications, or an entry has a derived name.
    """
    own = dict(config["extractions"])
    for name, experiment in config["experiments"].items():
        if experiment.get("seeds"):
            _add(config["multiverses"], "multiverse", f"{name}-seeds", _vary_seeds(name, experiment))
    for multiverse, entry in config["multiverses"].items():
        _check(config, multiverse, entry)
        for dataset in entry["datasets"]:
            _add(config["datasets"], "dataset", *_find_dataset(config, entry, dataset))
        for choices, base in product(_list_distinct(list_specifications(config, multiverse)), entry["extractions"]):
            for model in config["extractions"][base]["models"]:
                _add(config["models"], "model", *_find_model(config, choices, model))
            for name, extraction in _derive_extractions(config, multiverse, base, choices):
                if name != base:
                    _add_extraction(config["extractions"], name, extraction)
    _join_masks(config)
    for name, entry in own.items():
        if config["extractions"][name] != entry:
            raise ValueError(f"extraction {name!r} has the name of what a multiverse reads; give yours another name")


def _add(section: Config, what: str, name: str, entry: Config) -> None:
    if section.setdefault(name, entry) != entry:
        raise ValueError(f"{what} {name!r} is what a multiverse reads, but not what it needs; give yours another name")


def _add_extraction(extractions: Config, name: str, wanted: Config) -> None:
    """Add an extraction, or to one of this name what another multiverse reads of it too."""
    known = extractions.pop(name, wanted)
    joined = _join([known, wanted])
    extractions[name] = known | joined
    _add(extractions, "extraction", name, wanted | joined)


def _join_masks(config: Config) -> None:
    """Let extractions that multiverses need, and that differ in masks alone, read the same: they share maps."""
    derived, alike = list_derived(config), defaultdict(list)
    for name in config["extractions"]:
        if name in derived:
            alike[re.sub(r"\.mask-(nearest|area)\b", "", name)].append(name)
    for names in alike.values():
        joined = _join([config["extractions"][name] for name in names])
        for name in names:
            config["extractions"][name] |= joined


def _join(entries: list[Config]) -> Config:
    """Return what extractions read together, of keys that several multiverses may add to."""
    joined = {key: sorted({value for entry in entries for value in entry[key]}) for key in _JOINED}
    return joined | {"keep": next((one["keep"] for one in entries if one["keep"] != "prototypes"), "prototypes")}


def _vary_seeds(name: str, experiment: Config) -> Config:
    varied = AXES[experiment["axis"]].parts
    conditions = list_conditions(experiment)
    plain = experiment["view"] == ORIGINAL and experiment.get("offset") is None and not get_options(experiment)
    if not plain or not set(varied) <= set(_SEEDED) or len(experiment["extractions"]) > 1:
        raise ValueError(
            f"experiment {name!r}: 'seeds' go with the axes {', '.join(_SEEDED)} and grid, one extraction, and images, "
            f"frames and channels as they are, without 'given'; leave them out, or ask in another experiment"
        )
    shared = {key: experiment[key] for key in ("extractions", "datasets", "expected_order", "dunn", "view", "section")}
    shared |= {key: experiment[key] for key in _SEEDED if key not in varied and key in experiment}
    vary = {key: list(dict.fromkeys(condition[key] for condition in conditions)) for key in varied}
    return shared | {
        "across": False,
        "title": f"{experiment['title']} With other seeds",
        "vary": vary | {"seed": experiment["seeds"]},
    }


def _check(config: Config, multiverse: str, entry: Config) -> None:
    where, n = f"multiverse {multiverse!r}", count_possible(config, multiverse)
    for section, key in (("extractions", "extraction"), ("datasets", "dataset")):
        for name in entry[section]:
            if name not in config[section]:
                raise ValueError(f"{where} names {key} {name!r}; there are {', '.join(config[section])}")
    models = {name: config["extractions"][name]["models"] for name in entry["extractions"]}
    if len(set(map(tuple, models.values()))) > 1:
        raise ValueError(f"{where}: its extractions read different models; give them the same")
    for dataset, view in product(entry["datasets"], sorted({entry["view"], ORIGINAL})):
        reading = [name for name in models if dataset in config["extractions"][name]["datasets"]]
        holding = [name for name in reading if view in config["views"][config["extractions"][name]["views"]]]
        if not reading:
            raise ValueError(f"{where}: none of its extractions {list(models)} reads dataset {dataset!r}")
        if len(holding) != 1:
            which = f"both {' and '.join(map(repr, holding))} read" if holding else f"none of {reading} reads"
            raise ValueError(f"{where}: {which} view {view!r} of dataset {dataset!r}; name one extraction that does")
    for prompt in entry["vary"].get("prompt", []):
        if prompt not in config["prompts"]:
            raise ValueError(f"{where} names prompt {prompt!r}; there are {', '.join(config['prompts'])}")
    if entry.get("size", 0) > n:
        raise ValueError(f"{where}: 'size' is {entry['size']}, but its choices have {n} combinations; leave it out")
    if entry.get("size", n) > MAX_SPECIFICATIONS:
        raise ValueError(
            f"{where}: its choices have {n:,} combinations, and {MAX_SPECIFICATIONS:,} are the most; give it a 'size'"
        )
    if "layers" not in {**entry, **entry["vary"]}:
        raise ValueError(f"{where}: 'layers' is neither set nor varied")
    if (entry["across"] or "across" in entry["vary"]) and entry["view"] == ORIGINAL:
        raise ValueError(f"{where}: 'across' says what is compared under a 'view'; set 'view', or leave it out")
    prompts = entry["vary"].get("prompt") or [config["extractions"][name]["prompt"] for name in models]
    told = [prompt for prompt in prompts if is_template(config["prompts"].get(prompt, ""))]
    if told and "instance" in entry["vary"].get("min_area_of", []):
        raise ValueError(
            f"{where}: prompt {told[0]!r} names the classes of all objects that are read, small ones too, which "
            f"'min_area_of: instance' leaves out; take a prompt without {{classes}}, or do not vary 'min_area_of'"
        )
    if "seed" in entry["vary"]:
        drawn = [config["models"][model] | {"seed": None} for model in models[entry["extractions"][0]]]
        if any(drawn.count(one) > 1 for one in drawn if one["weights"] == "random"):
            raise ValueError(
                f"{where}: 'seed' varies, and so do the seeds of its models; name one untrained model alone"
            )
    longest = max((_name_reading(choices) for choices in _combine(entry, config["seed"])), key=len)
    if len(longest.encode()) > _LONGEST:
        raise ValueError(
            f"{where}: what it reads has names too long for a file, such as {longest}; shorten its prompts"
        )


def _combine(entry: Config, seed: int) -> Iterator[Config]:
    """Yield the choices of each specification: of all, or of a balanced part."""
    vary: Config = {key: entry["vary"][key] for key in CHOICES if key in entry["vary"]}
    places = [range(len(values)) for values in vary.values()]
    counts = tuple(map(len, places))
    chosen = choose_balanced(counts, entry["size"], seed) if "size" in entry else product(*places)
    for one in chosen:
        yield {key: values[place] for (key, values), place in zip(vary.items(), one, strict=True)}


def _list_distinct(specifications: list[Config]) -> list[Config]:
    """Return the choices of the first specification of each reading."""
    return list({one["reading"]: one["choices"] for one in reversed(specifications)}.values())[::-1]


def _name_reading(choices: Config) -> str:
    return _describe({key: choices[key] for key in _OF_READINGS if key in choices}) or BASE


def _specify(config: Config, entry: Config, choices: Config) -> Config:
    settings = {"average": config["average"], **entry, **choices}
    condition = {key: settings[key] for key in ("view", "timestep", "layers", "metric", "average", "dunn")}
    if settings.get("across"):
        condition["across"] = True
    return {
        "name": ", ".join(f"{key}={format_choice(value)}" for key, value in choices.items()),
        "choices": choices,
        "reading": _name_reading(choices),
        **condition,
        "offset": None,
        "by_area": choices.get("min_area_of") == "instance",
    }


def _derive_extractions(config: Config, multiverse: str, base: str, choices: Config) -> list[tuple[str, Config]]:
    """Return by name what is read of a base extraction for a specification: as it is, or changed.

    Extractions that differ in their masks alone are alike in all else, so that they share maps.
    """
    entry, held = config["multiverses"][multiverse], config["extractions"][base]
    changed = {key: choices[key] for key in _OF_READINGS if key in choices and choices[key] != _get(config, base, key)}
    models, datasets = held["models"], [name for name in entry["datasets"] if name in held["datasets"]]
    read = {key: changed.get(key, held.get(key)) for key in ("noise", "posterior")}
    if read == {"noise": False, "posterior": "mean"}:
        changed.pop("seed", None)  # nothing is drawn, but for random weights
    changed.pop("resize", None)
    for key in ("seed", "resize"):
        if any(_find_model(config, {key: choices[key]}, model)[0] != model for model in models if key in choices):
            changed[key] = choices[key]
    found = [_find_dataset(config, entry, name)[0] for name in datasets]
    if found != datasets:
        changed["min_area_of"] = "image"
    layers, timesteps = _list_needed(entry)
    others = changed.keys() - {"mask"}
    keep = "prototypes" if held["keep"] == "maps" and len(entry["vary"].get("mask", [])) < 2 else held["keep"]
    made = {
        **{key: value for key, value in held.items() if key != "inference_steps" or "inference_steps" not in changed},
        **{key: changed[key] for key in _OF_EXTRACTIONS if key in changed and changed[key] is not None},
        "models": [_find_model(config, choices, model)[0] for model in models],
        "datasets": found,
    }
    if others:
        return [(f"{base}.{_describe(changed)}", made | {"layers": layers, "timesteps": timesteps, "keep": keep})]
    there = [timestep for timestep in timesteps if timestep in held["timesteps"]]
    missing = [timestep for timestep in timesteps if timestep not in held["timesteps"]]
    derived = []
    if there:
        derived.append((f"{base}.{_describe(changed)}", made) if changed else (base, held))
    if missing:
        more = made | {"layers": layers, "keep": keep}
        derived += [
            (f"{base}.{_describe(changed | {'timestep': one})}", more | {"timesteps": [one]}) for one in missing
        ]
    return derived


def _list_needed(entry: Config) -> tuple[list[str], list[int]]:
    """Return all layer sets and timesteps of a multiverse."""
    layers = entry["vary"].get("layers") or [entry["layers"]]
    return list(layers), list(entry["vary"].get("timestep") or [entry["timestep"]])


def _get(config: Config, extraction: str, key: str) -> Any:
    """Return what an extraction has for a choice."""
    if key == "seed":
        return get_extraction_seed(config, extraction)
    return config["extractions"][extraction].get(key)


def _find_model(config: Config, choices: Config, model: str) -> tuple[str, Config]:
    """Return the model that stands for another one: with another resizing, or random weights of another seed."""
    entry, changed = config["models"][model], {}
    if choices.get("resize", entry["resize"]) != entry["resize"]:
        changed["resize"] = choices["resize"]
    drawn = entry.get("seed", config["seed"])
    if entry["weights"] == "random" and choices.get("seed", drawn) != drawn:
        changed["seed"] = choices["seed"]
    return (f"{model}.{_describe(changed)}", entry | changed) if changed else (model, entry)


def _find_dataset(config: Config, entry: Config, dataset: str) -> tuple[str, Config]:
    """Return the dataset that stands for another one: with small objects, from which specifications choose."""
    held = config["datasets"][dataset]
    if "min_area_of" not in entry["vary"] or held["min_area_of"] == "image":
        return dataset, held
    return f"{dataset}.min_area_of-image", held | {"min_area_of": "image"}


def _describe(changed: Config) -> str:
    return ".".join(f"{key}-{format_choice(value)}" for key, value in changed.items())
