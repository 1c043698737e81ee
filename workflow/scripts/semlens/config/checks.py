"""What a schema cannot say of a configuration: whether its parts fit together, and whether what it names is there."""

from collections.abc import Iterable
from pathlib import Path

from semlens.config.agreements import list_representations
from semlens.config.plan import (
    has_videos,
    is_template,
    list_conditions,
    list_extractions_of,
    list_foreign,
    list_splits,
    tracks_instance,
)
from semlens.config.propagations import check_propagation, list_propagated_layers
from semlens.config.readings import list_layer_sets
from semlens.config.schema import Config, suggest
from semlens.images.original import ORIGINAL
from semlens.models.backbones import load_backbone
from semlens.models.layers import expand_layers
from semlens.models.part_files import check_complete, select_files
from semlens.models.parts import find_part_folder
from semlens.models.requirements import check_channels, check_part
from semlens.select.formats import list_formats, load_format

# What keys of an extraction that not all families have say where nothing is said.
_PLAIN = {"timesteps": [0], "noise": True, "posterior": "sample", "prompt": "empty"}
_PLAIN |= dict.fromkeys(("inference_steps", "seed"))


def check_folders(config: Config) -> None:
    """Refuse datasets and models whose folder or file is not there.

    Raises
    ------
    ValueError
        Naming the entry, the folder and the way out.
    """
    for name, entry in config["datasets"].items():
        folder = entry["source"].get("folder")
        if folder is not None and not Path(folder).is_dir():
            raise ValueError(f"dataset {name!r}: folder {folder} does not exist")
    for name, entry in config["models"].items():
        source = entry["source"]
        file, folder = source.get("file", {}).get("path"), source.get("folder")
        if file is not None and not Path(file).is_file():
            raise ValueError(f"model {name!r}: file {file} does not exist")
        if folder is not None and not Path(folder).is_dir():
            hub = f"; for a model of the Hugging Face hub, write 'hub: {folder}'" if folder.count("/") == 1 else ""
            raise ValueError(f"model {name!r}: folder {folder} does not exist{hub}")
        for key, takers in (("revision", ["hub"]), ("variant", ["hub", "folder"])):
            if key in source and not any(taker in source for taker in takers):
                raise ValueError(f"model {name!r}: {key!r} goes with {' and '.join(map(repr, takers))} alone")


def check_models(config: Config, demo: str | Path) -> None:
    """Refuse models that cannot be read, layers that they do not have, and layer sets that an extraction does not hold.

    Only models in a folder can be asked before anything runs; others are checked when they are there.

    Parameters
    ----------
    demo
        The folder of the demo's model.

    Raises
    ------
    ValueError
        Naming the entry and what is wrong with it, or the layer and the layers there are.
    """
    for model, entry in config["models"].items():
        _check_options(config, model)
        folder = demo if "demo" in entry["source"] else entry["source"].get("folder")
        if folder or "baseline" in entry["source"]:
            layers = _check_model(model, entry, folder and Path(folder))
            for name, extraction in config["extractions"].items():
                if model in extraction["models"]:
                    _check_layers(config, name, layers)
                    _check_disjoint(config, name, layers)


def _check_options(config: Config, model: str) -> None:
    """Refuse what does not apply to a model's family: noise and prompts of one that reads images, and the like."""
    entry, family = config["models"][model], load_backbone(config["models"][model]["family"])
    where = f"of the family {entry['family']}"
    if entry["weights"] == "random" and not hasattr(family, "write_untrained"):
        raise ValueError(f"model {model!r} {where} has no weights; leave out 'weights: random'")
    foreign = list_foreign(family) | (set() if hasattr(family, "denoise") else {"inference_steps"})
    foreign |= {"seed"} if family.READS == "images" and entry["weights"] == "pretrained" else set()
    for name, extraction in config["extractions"].items():
        said = [key for key, plain in _PLAIN.items() if key in foreign and extraction.get(key, plain) != plain]
        if model in extraction["models"] and said:
            raise ValueError(
                f"extraction {name!r}: {' and '.join(map(repr, said))} does not apply to model {model!r} {where}; "
                f"leave it out, or give the model an extraction of its own"
            )


def _check_model(name: str, entry: Config, folder: Path | None) -> list[str]:
    """Return the names of a model's layers."""
    family, configs = load_backbone(entry["family"]), {}
    if missing := [part for part in family.REQUIRED_PARTS if not find_part_folder(folder, part).is_dir()]:
        raise ValueError(
            f"model {name!r}: folder {folder} has no {', '.join(missing)}; a model is a folder in diffusers layout "
            f"({', '.join(family.REQUIRED_PARTS)}), or an image encoder in transformers' layout"
        )
    for part in (part for part in family.PARTS if find_part_folder(folder, part).is_dir()):
        try:
            place = find_part_folder(folder, part)
            names = [path.name for path in place.iterdir() if path.is_file()]
            chosen = select_files(names, entry["source"].get("variant"), part)
            files = {plain: place / file for plain, file in chosen.items()}
            check_complete(part, files, with_weights=part != family.PART or entry["weights"] == "pretrained")
            configs[part] = check_part(part, files, family=entry["family"], size=entry["size"])
        except ValueError as error:
            raise ValueError(f"model {name!r}, {find_part_folder(folder, part)}: {error}") from None
    if family.READS == "latents" and family.PART != "vae":
        try:
            check_channels(family.count_channels(configs[family.PART]), configs["vae"])
        except ValueError as error:
            raise ValueError(f"model {name!r} in {folder}: {error}") from None
    return [layer.name for layer in family.list_layers(configs.get(family.PART, {}), entry["size"])]


def _check_layers(config: Config, name: str, available: list[str]) -> None:
    """Refuse layers that an extraction does not hold, of a model that has these."""
    extraction = config["extractions"][name]
    try:
        held = [layer for wanted in extraction["layers"] for layer in expand_layers(wanted, available)]
        for dataset in extraction["datasets"]:
            for layer_set in list_layer_sets(config, name, dataset):
                _check_held(layer_set, available, held)
        for layer_set in list_propagated_layers(config, name):
            _check_held(layer_set, available, held)
    except ValueError as error:
        raise ValueError(f"extraction {name!r}: {error}") from None


def _check_disjoint(config: Config, extraction: str, available: list[str]) -> None:
    """Refuse a search that joins a layer with itself, of a model that has these layers."""
    for name, search in config.get("searches", {}).items():
        seen: dict[str, str] = {}
        for layer_set in search["layers"] if search["extraction"] == extraction else []:
            for layer in expand_layers(layer_set, available):
                if layer in seen:
                    raise ValueError(
                        f"search {name!r}: layers {seen[layer]!r} and {layer_set!r} share layer {layer!r}; a search "
                        f"joins layers, so leave one of them out"
                    )
                seen[layer] = layer_set


def _check_held(layer_set: str, available: list[str], held: list[str]) -> None:
    """Refuse a layer set of an experiment that the model does not have, or that the extraction does not capture."""
    captured = [layer for layer in available if layer in held]
    try:
        expand_layers(layer_set, captured)
    except ValueError:
        expand_layers(layer_set, available)
        raise ValueError(
            f"the model has layers {layer_set!r}, but they are not captured; add them to 'layers' of the extraction, "
            f"which captures {', '.join(captured)}"
        ) from None


def check_downloads(config: Config, registry: Config) -> None:
    """Refuse to download what the registry does not have.

    Raises
    ------
    ValueError
        Naming the entry and what there is.
    """
    for kind in ("datasets", "models"):
        for name, entry in config[kind].items():
            if "download" in entry["source"]:
                _check_known(f"{kind[:-1]} {name!r}", "download", [entry["source"]["download"]], registry[kind])
    for name, model in config["models"].items():
        size = registry["models"].get(model["source"].get("download"), {}).get("size", model["size"])
        if size != model["size"]:
            raise ValueError(f"model {name!r}: its network reads images of {size}; set 'size: {size}'")
        single = model["source"].get("file", {})
        if "download" in single:
            _check_known(f"model {name!r}: 'file'", "download", [single["download"]], registry["files"])
        built = single.get("config")
        if built is not None and not Path(built).is_dir():
            _check_known(f"model {name!r}", "no folder but 'config'", [built], registry["models"])
    for name, dataset in config["datasets"].items():
        if "download" in dataset.get("list", {}):
            _check_known(f"dataset {name!r}: 'list'", "download", [dataset["list"]["download"]], registry["files"])
        if "download" in dataset["source"]:
            has = registry["datasets"][dataset["source"]["download"]]["format"]
            if has != dataset["format"]:
                raise ValueError(
                    f"dataset {name!r}: {dataset['source']['download']!r} has format {has!r}, not {dataset['format']!r}"
                )


def check_references(config: Config) -> None:
    """Refuse a configuration whose parts do not fit together.

    Raises
    ------
    ValueError
        Naming the entry, the key and what there is to choose from.
    """
    for name, views in config["views"].items():
        _check_distinct_views(f"view group {name!r}", views)
    for name, extraction in config["extractions"].items():
        where = f"extraction {name!r}"
        _check_known(where, "model", extraction["models"], config["models"])
        _check_known(where, "dataset", extraction["datasets"], config["datasets"])
        _check_known(where, "view group", [extraction["views"]], config["views"])
        _check_known(where, "prompt", [extraction["prompt"]], config["prompts"])
        if "inference_steps" in extraction and not extraction["noise"]:
            raise ValueError(f"{where}: 'inference_steps' takes noise away again; it does not go with 'noise: false'")
    for name, dataset in config["datasets"].items():
        _check_dataset(f"dataset {name!r}", dataset)
    for name in config["experiments"]:
        _check_experiment(config, name)
    for name in config.get("agreements", {}):
        _check_agreement(config, name)
    for name in config.get("searches", {}):
        _check_search(config, name)
    for name, entry in config.get("propagations", {}).items():
        where = f"propagation {name!r}"
        _check_known(where, "extraction", [entry["extraction"]], config["extractions"])
        _check_known(where, "dataset", entry["datasets"], config["datasets"])
        check_propagation(config, name)


def _check_dataset(where: str, dataset: Config) -> None:
    needs = load_format(dataset["format"]).needs
    for key in ("split", "sequences"):
        takers = [name for name in list_formats() if key in load_format(name).needs]
        if (key in needs) != (key in dataset):
            formats = " and ".join(f"'format: {name}'" for name in takers)
            raise ValueError(
                f"{where}: {key!r} goes with {formats}, and only with {'it' if len(takers) == 1 else 'them'}"
            )
    if "demo" in dataset["source"] and len(list_splits(dataset)) > 1:
        raise ValueError(f"{where}: the demo draws one split, not {list_splits(dataset)}")


def _check_experiment(config: Config, name: str) -> None:
    where, experiment = f"experiment {name!r}", config["experiments"][name]
    _check_known(where, "extraction", experiment["extractions"], config["extractions"])
    _check_known(where, "dataset", experiment["datasets"], config["datasets"])
    _check_known(where, "expected set", experiment["expected_order"], experiment["sets"])
    models = {extraction: config["extractions"][extraction]["models"] for extraction in experiment["extractions"]}
    if len(set(map(tuple, models.values()))) > 1:
        each = "; ".join(f"{extraction!r} reads {', '.join(names)}" for extraction, names in models.items())
        raise ValueError(f"{where}: its extractions read different models ({each}); give them the same")
    if tracks_instance(experiment) and experiment["axis"] != "offset":
        raise ValueError(f"{where}: an instance is tracked along 'axis: offset', not {experiment['axis']!r}")
    if tracks_instance(experiment) and len(experiment["datasets"]) > 1:
        raise ValueError(f"{where}: 'reference' {experiment['reference']!r} is in one dataset; name that alone")
    if experiment.get("discard_channels") and experiment.get("standardize_channels"):
        raise ValueError(f"{where}: 'discard_channels' and 'standardize_channels' do not go together")
    if experiment["axis"] == "view":
        _check_distinct_views(where, experiment["conditions"])
    if experiment.get("across"):
        _check_across(where, list_conditions(experiment))
    for condition in list_conditions(experiment):
        if not condition["layers"]:
            raise ValueError(f"{where}: 'layers' is neither set nor the axis")
        if condition["offset"] is not None and condition["view"] != ORIGINAL:
            raise ValueError(f"{where}: 'offset' and 'view' do not go together")
        if experiment.get("given") and condition["view"] != ORIGINAL:
            raise ValueError(f"{where}: 'given' and 'view' do not go together: a view moves objects and resizes them")
        if condition["offset"] is None and experiment["reference"] != "all":
            raise ValueError(f"{where}: 'reference' needs 'offset', set or as the axis")
        for dataset in experiment["datasets"]:
            _check_condition(config, name, condition, dataset)
    _check_tasks(config, name)


def _check_across(where: str, conditions: list[Config]) -> None:
    """Refuse pairs of originals and a view where frames are compared, and where no condition has a view."""
    if any(condition["offset"] is not None for condition in conditions):
        raise ValueError(f"{where}: 'across' and 'offset' do not go together: it is about views, not frames; name one")
    if all(condition["view"] == ORIGINAL for condition in conditions):
        raise ValueError(
            f"{where}: 'across' pairs originals with a view, but all conditions have 'view: {ORIGINAL}'; name another "
            f"'view', or leave 'across' out"
        )


def _check_tasks(config: Config, name: str) -> None:
    """Refuse tasks that no condition has objects for, and class tasks on features that were told the classes."""
    where, experiment = f"experiment {name!r}", config["experiments"][name]
    tasks = experiment.get("tasks", [])
    if tasks and tracks_instance(experiment):
        raise ValueError(f"{where}: 'tasks' are about many objects, 'reference: {experiment['reference']}' about one")
    again = [one["view"] != ORIGINAL or one["offset"] is not None for one in list_conditions(experiment)]
    of_classes = [task for task in tasks if task != "reidentification"]
    if len(of_classes) < len(tasks) and not any(again):
        raise ValueError(
            f"{where}: task 'reidentification' needs conditions with a 'view' or an 'offset'; leave it out"
        )
    if not of_classes:
        return
    if all(again):
        raise ValueError(
            f"{where}: {', '.join(map(repr, of_classes))} are measured on images as they are, but every condition has "
            f"a 'view' or an 'offset'; ask for 'reidentification', or ask in another experiment"
        )
    for extraction in experiment["extractions"]:
        prompt = config["extractions"][extraction]["prompt"]
        if is_template(config["prompts"][prompt]):
            raise ValueError(
                f"{where}: {', '.join(map(repr, of_classes))} would read classes that the network was told: extraction "
                f"{extraction!r} has prompt {prompt!r}, with {{classes}}; take a prompt without it, or leave these "
                f"tasks out"
            )


def _check_search(config: Config, name: str) -> None:
    where, search = f"search {name!r}", config["searches"][name]
    _check_known(where, "extraction", [search["extraction"]], config["extractions"])
    _check_known(where, "dataset", search["datasets"], config["datasets"])
    where, extraction = f"{where}: extraction {search['extraction']!r}", config["extractions"][search["extraction"]]
    for dataset in search["datasets"]:
        if dataset not in extraction["datasets"]:
            raise ValueError(f"{where} does not read dataset {dataset!r}, but {', '.join(extraction['datasets'])}")
    if search["timestep"] not in extraction["timesteps"]:
        timesteps = ", ".join(map(str, extraction["timesteps"]))
        raise ValueError(f"{where} does not read timestep {search['timestep']}, but {timesteps}; set 'timestep'")
    if ORIGINAL not in config["views"][extraction["views"]]:
        raise ValueError(f"{where} does not read images as they are; name one whose 'views' have {ORIGINAL!r}")


def _check_agreement(config: Config, name: str) -> None:
    """Refuse an agreement whose experiments do not give representations of the same objects, at least two."""
    where, agreement = f"agreement {name!r}", config["agreements"][name]
    _check_known(where, "experiment", agreement["experiments"], config["experiments"])
    _check_known(where, "dataset", agreement["datasets"], config["datasets"])
    for experiment in agreement["experiments"]:
        entry = config["experiments"][experiment]
        for dataset in agreement["datasets"]:
            if dataset not in entry["datasets"]:
                raise ValueError(
                    f"{where}: experiment {experiment!r} has no dataset {dataset!r}; it has "
                    f"{', '.join(entry['datasets'])}"
                )
        if entry.get("given"):
            raise ValueError(
                f"{where}: experiment {experiment!r} has 'given': {', '.join(entry['given'])}, which agreement does "
                f"not take away; name an experiment without it"
            )
        for condition in list_conditions(entry):
            for key, plain in (("view", ORIGINAL), ("offset", None)):
                if condition[key] != plain:
                    raise ValueError(
                        f"{where}: experiment {experiment!r}, condition {condition['name']!r}: {key!r} shows objects "
                        f"otherwise than they are; take an experiment without it, such as one along layers"
                    )
    if len(list_representations(config, name)) < 2:
        raise ValueError(f"{where}: there is one representation, and nothing that it may agree with; add experiments")


def _check_condition(config: Config, experiment: str, condition: Config, dataset: str) -> None:
    """Refuse a condition unless exactly one extraction of its experiment holds what it compares on a dataset."""
    where, names = f"experiment {experiment!r}", config["experiments"][experiment]["extractions"]
    extractions = list_extractions_of(config, experiment, dataset)
    if not extractions:
        raise ValueError(f"{where}: none of its extractions {names} reads dataset {dataset!r}")
    if condition["offset"] is not None and not has_videos(config["datasets"][dataset]):
        takers = " or ".join(f"format: {name}" for name in list_formats() if load_format(name).has_videos)
        raise ValueError(f"{where}: 'offset' needs videos ({takers}); dataset {dataset!r} has none")
    where = f"{where}, condition {condition['name']!r}"
    for view in sorted({condition["view"], ORIGINAL}):
        holding = [
            name
            for name in extractions
            if condition["timestep"] in config["extractions"][name]["timesteps"]
            and view in config["views"][config["extractions"][name]["views"]]
        ]
        what = f"view {view!r} of dataset {dataset!r} at timestep {condition['timestep']}"
        if len(holding) > 1:
            raise ValueError(
                f"{where}: extractions {' and '.join(map(repr, holding))} both read {what}; name one of them"
            )
        if not holding:
            raise ValueError(f"{where}: none of its extractions {names} reads {what}")


def _check_distinct_views(where: str, views: list[str]) -> None:
    """Refuse a view that is there twice: two spellings have one name, see :func:`semlens.config.plan.name_views`."""
    for view in views:
        if views.count(view) > 1:
            raise ValueError(f"{where} names view {view!r} twice; {{crop_shift: 0.2}} and crop_shift20 are one view")


def _check_known(where: str, what: str, names: Iterable[str], known: Iterable[str]) -> None:
    known = list(known)
    for name in names:
        if name not in known:
            raise ValueError(f"{where} names {what} {name!r}{suggest(name, known)}; there are {', '.join(known)}")
