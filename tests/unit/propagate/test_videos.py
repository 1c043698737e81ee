"""Videos are listed with their masks, which are read as they are asked for."""

import numpy as np
from videos import draw_scene, write_scene


def test_the_first_mask_is_read_once_and_yielded_with_all_others(tmp_path):
    frames, masks = write_scene(tmp_path)
    (tmp_path / "DAVIS/Annotations/480p/walk/00000.png").unlink()
    found = list(masks)
    assert len(found) == len(frames) == 6
    for number, labels in enumerate(found):
        np.testing.assert_array_equal(labels, draw_scene(number)[1])
