"""Where the lines are drawn."""

import hashlib
import json
from dataclasses import asdict, dataclass

OFF = "off"


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """Thresholds of the rules. Pixel values run from 0 to 255, shares from 0 to 1, lengths are pixels."""

    # Weights other than the catalogue's, by rule: "error", "warning", "info", or "off" for not at all.
    severities: tuple[tuple[str, str], ...] = ()

    # Fewer images than the first cannot be split into training and validation; fewer than the second rarely generalise.
    least_images: int = 4
    few_images: int = 50
    rare_class_instances: int = 10
    imbalance_ratio: float = 10.0
    # Share of a class in one of the dataset's own parts over its share in another, where both count `drift_instances`.
    part_drift_ratio: float = 3.0
    drift_instances: int = 20

    # Boxes may leave the image by rounding: the larger of the two tolerances is allowed on each side.
    box_tolerance_px: float = 2.0
    box_tolerance_share: float = 0.005
    least_inside_share: float = 0.5
    frame_mismatch_share: float = 0.2
    tiny_side_px: float = 2.0
    duplicate_iou: float = 0.95
    box_polygon_iou: float = 0.5
    box_polygon_tolerance_px: float = 3.0
    box_polygon_tolerance_share: float = 0.02
    nested_share: float = 0.9
    same_place_iou: float = 0.8
    crowd_share: float = 0.5

    # Cards measure 2.5 x 3.5 inches; a photograph taken aslant shortens one side.
    card_aspect: float = 2.5 / 3.5
    card_aspect_tolerance: float = 0.12
    # Farthest an outline may leave the quadrilateral of its corners, of the shorter side.
    quadrilateral_share: float = 0.03
    nesting_tolerance_share: float = 0.01
    # Share of the two margins that one of them may take; graders stop at 0.9, and real cards reach 0.88.
    centring_share: float = 0.95
    # Where both margins together take less of the card, it is printed to the edge and has no centring.
    bleed_share: float = 0.02
    corner_reach_share: float = 0.1

    # Measured on the grey thumbnail, at most `thumbnail_px` on its longer side.
    thumbnail_px: int = 512
    # Laplacian variance over squared contrast: real sharp photographs lie above 8e-4, a 2 px blur brings most below.
    blur_ratio: float = 4e-4
    dark_mean: float = 20.0
    bright_mean: float = 240.0
    least_spread: float = 25.0
    blank_spread: float = 4.0
    least_entropy: float = 0.5
    # JPEG at quality 10 lies above, at quality 30 below; real camera files reach 1.4.
    blockiness: float = 1.75
    colour_least: float = 6.0

    least_side_px: int = 32
    size_ratio: float = 4.0
    aspect_ratio: float = 6.0
    # An image is odd where it is this many times larger or longer than the set's median, and few others are.
    odd_size_ratio: float = 2.0
    odd_aspect_ratio: float = 1.5
    odd_share: float = 0.1
    # Rescans of one card differ by 2 to 6 of 64 bits, scans of different cards by 11 and more.
    near_duplicate_bits: int = 6
    near_likeness: float = 0.9
    sibling_bits: int = 4
    sibling_likeness: float = 0.97

    unlabelled_share: float = 0.5
    whole_image_share: float = 0.98
    crowded_image: int = 500
    # A class on this share of all images is expected on each.
    usual_class_share: float = 0.9
    # All instances of a class lie within this share of the frame, where the set has at least `region_instances`.
    region_share: float = 0.05
    region_instances: int = 30
    # Annotations an image, before and after the likeliest change in the order of the files.
    density_ratio: float = 2.0
    density_images: int = 30

    # Lights of one object. A direction's length may be off 1 by as much; three lights solve for a normal (Woodham 1980)
    # where no view is shadowed or gleams, and the least of the directions' singular values over the greatest says how
    # far they are from lying in one plane: real rigs reach 0.15 and more.
    light_length_tolerance: float = 0.01
    least_lights: int = 3
    few_lights: int = 4
    light_plane_ratio: float = 0.03
    # A view that lies so far off the others of its object: those of real rigs reach 0.9.
    view_shift_px: float = 1.0
    # Of the frame that an object's mask marks, and of its pixels that have a normal of length 1, and a depth.
    object_mask_share: float = 0.001
    unit_normals_share: float = 0.99
    known_depth_share: float = 0.99
    possible_reflectance_share: float = 0.99

    # A label can be predicted from what is not its subject: balanced accuracy above chance, of what is possible.
    shortcut_skill: float = 0.4
    shortcut_images: int = 40
    print_skill: float = 0.15
    shortcut_chance: float = 0.01

    findings_per_rule: int = 200

    @property
    def digest(self) -> str:
        """SHA-256 over all thresholds and weights, hexadecimal."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()
