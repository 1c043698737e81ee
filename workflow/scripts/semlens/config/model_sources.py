"""Where the parts of a model come from: a download, the hub, a user's folder, a single file, or the demo.

Folders that are made for a model are named by a digest of all that decides what is in them. So what has the right name
is right, whichever run made it, and a run never changes what another one reads.
"""

from pathlib import Path, PurePosixPath
from typing import Any

from semlens.config.digests import digest_code, digest_files, digest_values
from semlens.config.models import find_base_model
from semlens.config.schema import Config
from semlens.models.backbones import load_backbone
from semlens.models.part_files import SMALL, is_weights, select_files
from semlens.models.parts import find_part_folder, locate_part
from semlens.models.preprocessing import FILES
from semlens.runtime.registry import Registry, list_files, list_model_files


class ModelSources:
    """The files of every model's parts.

    Parameters
    ----------
    config, registry
        The configuration, and what can be downloaded.
    demo
        The folder of the demo's model.
    scripts
        The folder of the scripts and the library.
    """

    def __init__(self, config: Config, registry: Registry, demo: str, scripts: Path) -> None:
        self._config, self._registry, self._demo, self._scripts = config, registry, demo, scripts

    def get_source(self, model: str) -> Config:
        return self._config["models"][model]["source"]

    def get_family(self, model: str) -> Any:
        """Return the family that reads a model, see :mod:`semlens.models.backbones`."""
        return load_backbone(self._config["models"][model]["family"])

    def list_parts(self, model: str) -> list[str]:
        """Return the parts of a model that its family reads; of one on the hub, those that it may have."""
        source, parts = self.get_source(model), self.get_family(model).PARTS
        if "hub" in source:
            return list(parts)
        if "download" in source:
            return [part for part in parts if self._list_downloads(source["download"], part)]
        if "file" in source:
            return [part for part in parts if part in self._list_small_files(source["file"]["config"])]
        return [part for part in parts if find_part_folder(self._find_folder(model), part).is_dir()]

    def find_part(self, model: str, part: str) -> str | list:
        """Return the folder that jobs read a part from; an empty list if the model has no such part.

        A control has a network of its own, and shares all else with its pretrained twin.
        """
        if part not in self.list_parts(model):
            return []
        shared = find_base_model(self._config, model)
        if part == self.get_family(model).PART and self._is_control(model):
            entry = self._config["models"][model]
            code = digest_code(self._scripts, "randomize_network.py", f"semlens/models/backbones/{entry['family']}.py")
            key = digest_values(digest_files(self.list_network_settings(model)), entry["seed"], code)
            return f"<resources>/models/{model}/{part}-{key}"
        if "hub" in self.get_source(shared):
            return self._find_from_hub(shared, part)
        known = list_files(self._registry)
        files = self.list_part_files(shared, part)
        hashes = [known.get(file.removeprefix("<resources>/downloads/"), {}).get("sha256") for file in files.values()]
        return f"<resources>/models/{shared}/{part}-{digest_values(digest_files(files.values()), list(files), hashes)}"

    def find_network(self, model: str) -> str | list:
        """Return the folder of what is read of a model; an empty list for a baseline without any."""
        part = self.get_family(model).PART
        return [] if part is None else self.find_part(model, part)

    def needs_weights(self, model: str, part: str) -> bool:
        """Return whether the weights of a part are read: not those of the network that a control replaces."""
        return not (part == self.get_family(model).PART and self._is_control(model))

    def list_part_files(self, model: str, part: str) -> dict[str, str]:
        """Return the files that a part's folder links, by the names that they have there.

        For a model in a single file, that is the converted folder, which has the part under its name.
        """
        source = self.get_source(model)
        if "download" in source:
            files = {PurePosixPath(file).name: file for file in self._list_downloads(source["download"], part)}
        elif "file" in source:
            return {part: self.find_converted(model)}
        else:
            folder = find_part_folder(self._find_folder(model), part)
            files = {file.name: str(file) for file in sorted(folder.iterdir()) if file.is_file()}
        return {plain: files[name] for plain, name in select_files(files, source.get("variant"), part).items()}

    def list_network_settings(self, model: str) -> list[str]:
        """Return what says how a model's network is built, ``config.json`` first; of one on the hub, its folder."""
        source, part = self.get_source(model), self.get_family(model).PART
        if part is None:
            return []
        if "hub" in source:
            return [self._find_from_hub(find_base_model(self._config, model), part)]
        if "download" in source:
            files = {PurePosixPath(file).name: file for file in self._list_downloads(source["download"], part)}
        elif "file" in source:
            files = {"config.json": f"{self.find_template(model)}/{part}/config.json"}
        else:
            folder = find_part_folder(self._find_folder(model), part)
            files = {name: f"{folder}/{name}" for name in ("config.json", *FILES) if (folder / name).is_file()}
        return [files[name] for name in ("config.json", *FILES) if name in files]

    def find_checkpoint(self, model: str) -> str:
        """Return the single file of a model: a user's own, or one of the registry."""
        source = self.get_source(model)["file"]
        return source["path"] if "path" in source else self.find_download(source["download"])

    def find_converted(self, model: str) -> str:
        """Return the folder that a model in a single file is converted to."""
        read = digest_files([self.find_checkpoint(model), *self.list_template_files(model)])
        code = digest_code(self._scripts, "convert_checkpoint.py")
        return f"<resources>/converted/{model}-{digest_values(self.get_source(model), read, code)}"

    def find_template(self, model: str) -> str:
        """Return the folder that says how a model in a single file is built: configurations, tokenizers, scheduler."""
        name = self.get_source(model)["file"]["config"]
        return f"<resources>/downloads/{name}" if name in self._registry["models"] else name

    def list_template_files(self, model: str) -> list[str]:
        """Return all files of that folder that are read."""
        small = self._list_small_files(self.get_source(model)["file"]["config"])
        return [file for files in small.values() for file in files]

    def find_download(self, name: str) -> str:
        """Return where a file of the registry is kept."""
        return f"<resources>/downloads/{self._registry['files'][name]['file']}"

    def _find_from_hub(self, model: str, part: str) -> str:
        return f"<resources>/hub/{model}/{part}-{digest_values(self._config['models'][model])}"

    def _is_control(self, model: str) -> bool:
        return self._config["models"][model]["weights"] == "random"

    def _find_folder(self, model: str) -> str:
        return self.get_source(model).get("folder", self._demo)

    def _list_downloads(self, name: str, part: str) -> list[str]:
        files = list_model_files(self._registry, name, locate_part(part))
        return [f"<resources>/downloads/{file}" for file in files]

    def _list_small_files(self, name: str) -> dict[str, list[str]]:
        """Return the files of a Stable Diffusion model, but for its weights, by part."""
        parts = load_backbone("unet").PARTS
        if name in self._registry["models"]:
            files = {part: self._list_downloads(name, part) for part in parts}
        else:
            files = {part: sorted(map(str, Path(name, part).glob("*"))) for part in parts}
        small = {
            part: [file for file in paths if PurePosixPath(file).suffix in SMALL and not is_weights(file)]
            for part, paths in files.items()
        }
        return {part: paths for part, paths in small.items() if paths}
