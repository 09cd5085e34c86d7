"""The measurements of docs/results.md: a dataset, a recipe, and which metrics tell something there."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

from truscore.configuration.recipe import PUBLISHED


@dataclass(frozen=True, kw_only=True, slots=True)
class Experiment:
    """The recipe as orders get it on a CPU with the extra ``weights`` installed, cross-validated; ``metrics`` are shown
    in this order."""

    title: str
    folder: str  # under the folder of real datasets
    category: str
    option: str
    architecture: str
    metrics: tuple[str, ...]
    remark: str
    folds: int = 5
    class_names: tuple[str, ...] = ()
    choose: str = "last"  # "best" keeps some of a fold's images to choose epoch and threshold by
    hidden_top: float = 0.0  # share of each image's height, from above, that is painted grey beforehand
    views: str = (
        ""  # under the folder of real datasets: views under lights, of whose relief pictures are made beforehand
    )

    def arguments(self, *, images: Path, seeds: str) -> list[str]:
        """Of ``python -m services.trainer.worker.cross_validation``, but for the output. ``images`` is the dataset's
        folder, or a copy of it with the top hidden."""
        row = ["--category", self.category, "--option", self.option, "--architecture", self.architecture]
        process = ["--profile", PUBLISHED, "--folds", str(self.folds), "--seeds", seeds, "--choose", self.choose]
        process += [part for name in self.class_names for part in ("--class-name", name)]
        return [str(images), *row, *process]


_AP = ("mask_AP", "mask_AP50", "box_AP", "box_AP50")

_PSA_GRADES = Experiment(
    title="PSA grades 1 to 10, 320 photographs of slabs",
    folder="psa_grades_150x200",
    category="surface_analysis",
    option="quality_rating",
    architecture="efficientnet",
    metrics=("grade_MAE", "quadratic_weighted_kappa", "within_1_accuracy", "grade_agreement"),
    remark="The slab's label shows the grade in many pictures; the row below, without it, is no worse, so what is "
    "learned is not reading.",
    folds=2,
)

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "card_borders": Experiment(
            title="Borders of baseball cards, 33 flat-bed scans",
            folder="truscore_card_borders_yolo/combined_dual_class",
            category="border_detection",
            option="dual_class",
            architecture="mask_rcnn",
            metrics=(
                "edge_error_median_px",
                "edge_error_px",
                "edge_error_all_px",
                "edge_error_p95_px",
                "centring_error_median_pp",
                "centring_error_pp",
                "centring_error_all_pp",
                "centring_error_p95_pp",
                "border_found_share",
                "centring_measured_share",
                "box_AP",
                "mask_AP",
            ),
            remark="Edge errors are in pixels of the scan (about 1,640 x 2,300), centring "
            "errors in percentage points of the share that graders quote; p95 is the 95th percentile. `_all` counts a "
            "border that was not found as the average border. The labels are upright boxes around cards that lie "
            "tilted by some 5 px: their own noise is 2 px and 1.0 points in the median.",
            class_names=("outer_border", "graphical_border"),
        ),
        "psa_grades": _PSA_GRADES,
        "psa_grades_label_hidden": replace(
            _PSA_GRADES,
            title="PSA grades again, with the slab's label hidden",
            remark="The upper 27 % of each picture are painted grey: that is the label, but for a few slabs that lie "
            "on their side. What is left is the card, at 150 x 200 pixels in most pictures.",
            hidden_top=0.27,
        ),
        "magnetic_tiles": Experiment(
            title="Defects of magnetic tiles, 166 images with masks, split by tile",
            folder="magnetic_tile_masks",
            category="corner_analysis",
            option="damage_detection",
            architecture="u_net",
            metrics=("mask_mean_IoU", "dice", "binary_IoU", "boundary_F1", "false_alarm_rate", "pixel_accuracy"),
            remark="All shots of one tile stay in one fold: a random split leaks, and "
            "published figures of 0.6 to 0.8 are of that kind. Each class has four to six tiles, so folds differ "
            "widely.",
            choose="best",
        ),
        "steel_defects": Experiment(
            title="NEU-DET steel surface defects, 270 images with boxes",
            folder="neu_det_voc",
            category="surface_analysis",
            option="defect_detection",
            architecture="fpn",
            metrics=("box_AP50", "box_AP", "class_agnostic_box_AP50"),
            remark="Published for YOLO11n: mAP50 0.783, a whole network trained on COCO, 1,770 images and a GPU. Here: "
            "a published body only, a seventh of the images, one CPU core, and all images evaluated, not one split.",
        ),
        "car_damage": Experiment(
            title="Car damage, 106 photographs with polygons",
            folder="car_damage_coco",
            category="surface_analysis",
            option="defect_detection",
            architecture="fpn",
            metrics=("class_agnostic_mask_AP50", *_AP),
            remark="106 of 1,983 images.",
        ),
        "fruits": Experiment(
            title="Dates, figs and hazelnuts, 18 photographs with polygons",
            folder="fruitsnuts_coco",
            category="surface_analysis",
            option="defect_detection",
            architecture="fpn",
            metrics=("class_agnostic_mask_AP50", *_AP),
            remark="A smoke test of instance segmentation: 165 instances in all.",
        ),
        "crease_masks": Experiment(
            title="Creases of real cards as pixels",
            folder="baseball_cards_4light_labelme/processed",
            category="corner_analysis",
            option="damage_detection",
            architecture="u_net",
            metrics=("dice", "binary_dice", "binary_IoU", "boundary_F1", "false_alarm_rate"),
            remark="By the option that finds damaged pixels. Some creases are not marked.",
            choose="best",
        ),
        "crease_masks_relief": Experiment(
            title="Creases of real cards as pixels, in pictures of their relief",
            folder="baseball_cards_4light_labelme/processed",
            category="corner_analysis",
            option="damage_detection",
            architecture="u_net",
            metrics=("dice", "binary_dice", "binary_IoU", "boundary_F1", "false_alarm_rate"),
            remark="The same cards and marks as the row above, in the pictures that `truscore view-pictures` makes of "
            "each card's four views: grey, the lamps' deviation and curvature in place of colours.",
            choose="best",
            views="baseball_cards_4light_labelme/raw",
        ),
        "card_creases": Experiment(
            title="Creases of real cards, 19 images from LabelMe",
            folder="baseball_cards_4light_labelme/processed",
            category="surface_analysis",
            option="defect_detection",
            architecture="fpn",
            metrics=("class_agnostic_mask_AP50", *_AP),
            remark="50 creases, of which some are not marked. As instances next to nothing is learnt: the row above "
            "finds their pixels.",
        ),
    }
)
