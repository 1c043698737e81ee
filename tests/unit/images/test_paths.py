"""Images are found by the file names of annotations, inside the dataset's folder alone."""

import pytest
from dataset_files import expect_error

from semlens.images.paths import find_image


@pytest.mark.parametrize("file", ["../secret.jpg", "train2017/../../secret.jpg", "/etc/secret.jpg", ".."])
def test_image_outside_its_folder(tmp_path, file):
    with expect_error(ValueError, repr(file), tmp_path):
        find_image(tmp_path, file)


@pytest.mark.parametrize("file", ["a.jpg", "train2017/a..b.jpg"])
def test_image_inside_its_folder(tmp_path, file):
    assert find_image(tmp_path, file) == tmp_path / file
