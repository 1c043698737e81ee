"""What crops are cut from."""

from semlens.images.crops import list_sources


def test_every_dataset_has_its_own_manifests_and_images(tmp_path):
    manifests = ["r/manifests/coco/0.parquet", "r/manifests/coco2/0.parquet", "r/manifests/coco/1.parquet"]
    (tmp_path / "listed.csv").touch()
    sources = list_sources(manifests, [tmp_path / "listed.csv", tmp_path], {"coco": "ignore", "coco2": "apply"})
    assert sources == {
        "coco": {"manifests": [manifests[0], manifests[2]], "images": tmp_path, "exif": "ignore"},
        "coco2": {"manifests": [manifests[1]], "images": tmp_path, "exif": "apply"},
    }
