"""One shape for every annotation format: images, and what is marked on each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from truscore.datasets.index.response import Response

HASH_DIGITS = 16  # of a 64-bit hash, hexadecimal
ORIENTATION_HASHES_DIGITS = 4 * HASH_DIGITS
KEY_POINTS = "key_points"  # the shape of a box that has points within it: they are no outline


@dataclass(frozen=True, kw_only=True, slots=True)
class RLE:
    """A mask as run lengths: zeros first, then ones, in turn, down the columns of a height x width grid (COCO)."""

    height: int
    width: int
    counts: tuple[int, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """One marked thing, in pixels of the upright image (0, 0 is the upper left corner of the upper left pixel)."""

    label: int  # from 1: class_names[label - 1]
    box_xywh: tuple[float, float, float, float]
    polygons: tuple[tuple[float, ...], ...] = ()  # each x0, y0, x1, y1, ...
    rle: RLE | None = None
    crowd: bool = False
    source_id: str = ""  # what its file calls it: an id, or a line number
    # "point", "line", "linestrip" or "circle" where it was drawn as one; empty: an area; KEY_POINTS: a box with points.
    shape: str = ""
    points: tuple[float, ...] = ()  # of such a shape, as drawn: x0, y0, x1, y1, ... (a circle: centre, rim)


@dataclass(frozen=True, kw_only=True, slots=True)
class Light:
    """The light that one view of an object was taken under (photometric stereo)."""

    object: str  # the name of the object that is seen
    # From the object to the light, a unit vector as written: x to the right, y UP, z to the camera. None: not known.
    direction: tuple[float, float, float] | None = None
    intensity_rgb: tuple[float, float, float] | None = None  # relative to the other lights; None: unknown
    name: str = ""  # of a light that is only named: "up", "left", ...


@dataclass(frozen=True, kw_only=True, slots=True)
class MaskMap:
    """Which pixels of all its views show an object."""

    path: str
    sha256: str
    width: int
    height: int
    marked_px: int


@dataclass(frozen=True, kw_only=True, slots=True)
class NormalMap:
    """The direction of an object's surface at each pixel, in the axes of Light."""

    path: str
    sha256: str
    width: int
    height: int
    expected_px: int  # pixels that should have a normal: those of the mask or, without one, those with any direction
    unit_px: int  # of those, how many have one of length 1, give or take what eight bits cannot hold


@dataclass(frozen=True, kw_only=True, slots=True)
class DepthMap:
    """How far an object's surface lies towards the camera at each pixel, in micrometres from any plane."""

    path: str
    sha256: str
    width: int
    height: int
    expected_px: int  # pixels that should have a depth: those of the mask or, without one, all
    known_px: int  # of those, how many have a finite one
    pitch_um: float  # micrometres from a pixel's middle to the next one's


@dataclass(frozen=True, kw_only=True, slots=True)
class ReflectanceMap:
    """What an object's surface does to light at each pixel: its albedo, its roughness or its F0."""

    path: str
    sha256: str
    width: int
    height: int
    expected_px: int  # pixels that should have a value: those of the mask or, without one, all
    possible_px: int  # of those, how many have one that a surface can have


@dataclass(frozen=True, kw_only=True, slots=True)
class Camera:
    """Where a calibrated pinhole camera stood that took all views of an object. Lengths are in micrometres.

    A point of the world is seen at K (R p + t), by its third number: pixels across and down, (0, 0) the middle of the
    upper left one. Camera axes: x to the right, y DOWN, z away from the camera (OpenCV's).
    """

    scene: str  # views of one thing from several cameras share it
    intrinsics: tuple[float, ...]  # K, the nine numbers of its rows
    rotation: tuple[float, ...]  # R, likewise
    translation: tuple[float, float, float]
    nearest_um: float  # the surface lies between both, along z
    farthest_um: float
    zero_um: float  # z of the plane that the object's depth map counts from, towards the camera
    lights: str = "camera"  # the frame that directions of lights are given in: "camera" or "world"


@dataclass(frozen=True, kw_only=True, slots=True)
class LitObject:
    """What holds for all views of an object alike."""

    name: str
    mask: MaskMap | None = None
    normals: NormalMap | None = None
    depth: DepthMap | None = None
    albedo: ReflectanceMap | None = None  # share of light that is scattered, of each colour or of all
    roughness: ReflectanceMap | None = None  # alpha of GGX
    f0: ReflectanceMap | None = None  # share of light that is mirrored straight on
    camera: Camera | None = None  # None: nothing says where it stood
    response: Response | None = None  # of its views' files; None: nobody said, and they are taken as linear

    @property
    def reflectance(self) -> tuple[ReflectanceMap, ...]:
        return tuple(found for found in (self.albedo, self.roughness, self.f0) if found is not None)

    @property
    def maps(self) -> tuple[MaskMap | NormalMap | DepthMap | ReflectanceMap, ...]:
        """Those of its maps that are there: files that belong to the object and to no single view."""
        shape = (found for found in (self.mask, self.normals, self.depth) if found is not None)
        return (*shape, *self.reflectance)


@dataclass(frozen=True, kw_only=True, slots=True)
class ImageRecord:
    """One image that can be decoded whole. Width and height are those of the upright image, after EXIF orientation."""

    path: str  # relative to the dataset's root, with "/"
    sha256: str
    size_bytes: int
    width: int
    height: int
    orientation: int = 1  # EXIF, 1 to 8
    mode: str = "RGB"  # as Pillow names it, before conversion
    file_format: str = "JPEG"  # as Pillow names it
    perceptual_hash: str = ""  # 64-bit difference hash (imagehash's dhash), hexadecimal
    orientation_hashes: str = ""  # four such hashes, from which those of the mirrored and turned picture follow
    group: str = ""  # images of one source (augmented copies) share it; empty: on its own
    annotations: tuple[Annotation, ...] = ()
    labels: tuple[int, ...] | None = None  # of the image as a whole; (): labelled as having none, None: unlabelled
    scores: tuple[tuple[str, float], ...] = ()  # named measurements of the whole image, by name
    light: Light | None = None  # of a view for photometric stereo
    part: str = ""  # "train", "validation" or "test" where lists or annotations state it; folders say it by themselves
    written_grade: str = ""  # as its grader wrote it, where the class does not show that: "PSA 8 (OC)" of class "8"

    @property
    def classes(self) -> frozenset[int]:
        """Labels of the whole image and of what is marked on it."""
        return frozenset((*(self.labels or ()), *(annotation.label for annotation in self.annotations)))

    @property
    def is_annotated(self) -> bool:
        """Whether it has any label, be it that there is nothing on it."""
        return bool(self.annotations or self.scores) or self.labels is not None


@dataclass(frozen=True, kw_only=True, slots=True)
class DatasetIndex:
    """A dataset as read: images by path, classes in order."""

    format: str
    class_names: tuple[str, ...]
    images: Sequence[ImageRecord]  # a tuple; of very many images StoredImages, which are read from a file
    grades: tuple[float, ...] = ()  # the number each class stands for, ascending; empty: classes have no order
    objects: tuple[LitObject, ...] = ()  # those that `light` names

    @property
    def annotation_count(self) -> int:
        return sum(len(image.annotations) for image in self.images)

    @property
    def bare_images(self) -> int:
        """How many images are without any label, and without maps of the object they are a view of."""
        described = {lit_object.name for lit_object in self.objects if lit_object.maps}
        return sum(
            not image.is_annotated and not (image.light is not None and image.light.object in described)
            for image in self.images
        )
