"""One object's bounding box, resized bilinearly to the whole square."""

from semlens.images.views import View
from semlens.images.views._boxes import find_box

VIEW = View("crop_resize", per_instance=True, resample="bilinear", find_crop_box=find_box, cuts_out=True)
