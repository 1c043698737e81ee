"""The registry's files by the path that they are kept under."""

import pytest

from semlens.runtime.registry import list_archives, list_files, list_model_files

REGISTRY = {
    "files": {
        "list": {"about": "a list", "file": "list.csv", "urls": ["http://a/list"], "bytes": 3, "sha256": "0" * 64}
    },
    "datasets": {"photos": {"format": "voc", "archives": ["list"], "keep": ["x"]}},
    "models": {
        "sd": {
            "repository": "owner/sd",
            "revision": "abc",
            "urls": ["https://one/{repository}/{revision}/{path}", "https://two/{path}"],
            "files": {
                "unet/config.json": {"bytes": 1, "sha256": "1" * 64},
                "unet/weights.safetensors": {"bytes": 2, "sha256": "2" * 64},
                "vae/config.json": {"bytes": 1, "sha256": "3" * 64},
            },
        }
    },
}


def test_every_file_has_its_addresses_size_and_hash():
    files = list_files(REGISTRY)
    assert files["list.csv"] == {"urls": ["http://a/list"], "bytes": 3, "sha256": "0" * 64}
    assert files["sd/unet/config.json"] == {
        "urls": ["https://one/owner/sd/abc/unet/config.json", "https://two/unet/config.json"],
        "bytes": 1,
        "sha256": "1" * 64,
    }
    assert len(files) == 4


@pytest.mark.parametrize(
    ("part", "expected"),
    [("unet", ["sd/unet/config.json", "sd/unet/weights.safetensors"]), ("vae", ["sd/vae/config.json"])],
)
def test_a_part_of_a_model_is_its_files(part, expected):
    assert list_model_files(REGISTRY, "sd", part) == expected
    assert set(expected) <= list_files(REGISTRY).keys()


def test_a_dataset_is_its_archives():
    assert list_archives(REGISTRY, "photos") == ["list.csv"]
