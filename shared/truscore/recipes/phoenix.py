"""Phoenix templates: what TruScore trains for production on a GPU, one per option, with a reason per choice.

Each is its row's recipe for a GPU with a few keys turned. They start from published weights, which the store's
pretrained/ prefix has to hold, or the trainer's site has to reach.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from truscore.configuration.errors import InvalidConfig
from truscore.configuration.text import config_of, flat_values
from truscore.recipes.resolve import resolve
from truscore.recipes.suggestion import Choice, config_tree, put

_ARCHITECTURE = "architecture_config"
_CUSTOM = f"{_ARCHITECTURE}.custom_modifications"
_OPTIMIZATION = "hyperparameters.optimization"
_LOSS = "loss_config.primary_loss"
_KEPT = "as the row's recipe for a GPU has it"

Turned = Mapping[str, tuple[Any, str]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """A complete configuration under a name; ``choices`` begin with those that are its own."""

    name: str
    category: str
    option: str
    architecture: str
    choices: tuple[Choice, ...]

    @property
    def config(self) -> dict[str, Any]:
        """As `submit --config` takes it."""
        return config_tree(self.choices)


_WEIGHTS = "cards are photographs: edges and textures need not be learnt anew"
_STAGES = "the first stages see edges as the published weights do; freezing them keeps small sets from spoiling them"
_LINES = "a second stage places each side in strips of the original picture: centring is read off its lines"
_PYRAMID = "a second, bottom-up path brings fine edges to the levels that find whole cards"
_WORST_SPOT = "a grade is set by the worst spot: maximum beside mean over the map"
_RATE = "warm-up spares the published weights, the fall settles the heads; no schedule to tune"
_ORDINAL = "grades are an order: CORN's probabilities never contradict each other"


def border_single_class() -> Template:
    return _borders("single_class", "masks give the outline that centring is measured on; boxes alone don't")


def border_dual_class() -> Template:
    return _borders("dual_class", "one network places both borders, so that their errors don't add up")


def corner_quality_classification() -> Template:
    return _grades("corner_analysis", "quality_classification", "corners are small: few weights, at a fine scale")


def corner_damage_detection() -> Template:
    return _damages("corner_analysis", "damage_detection", "its skips keep whitening of a few pixels sharp")


def corner_sharpness_rating() -> Template:
    return _phoenix(
        "corner_analysis",
        "sharpness_rating",
        "custom_cnn",
        "sharpness is the finest texture there is: its first stage reads full resolution, published bodies a quarter",
        {
            f"{_CUSTOM}.head_customization": (
                "phoenix_specialized",
                "a hidden layer: sharpness is no straight line of the statistics",
            ),
            f"{_OPTIMIZATION}.lr_scheduler": ("one_cycle", "warm-up allows the high rate that small networks like"),
            _LOSS: ("smooth_l1", "a few scores given wrongly must not pull all the others"),
        },
    )


def edge_wear_detection() -> Template:
    return _damages("edge_analysis", "wear_detection", "its skips keep wear of a pixel's width along the edge")


def edge_quality_rating() -> Template:
    return _grades("edge_analysis", "quality_rating", "edges are thin: few weights, at a fine scale")


def surface_quality_rating() -> Template:
    return _grades("surface_analysis", "quality_rating", "print lines are fine texture: few weights, at 384 px")


def surface_damage_classification() -> Template:
    return _phoenix(
        "surface_analysis",
        "damage_classification",
        "attention_network",
        "a scratch and a stain lie at different places: each damage looks at its own",
        {
            f"{_ARCHITECTURE}.pretrained_weights": ("imagenet", _WEIGHTS),
            f"{_CUSTOM}.backbone_freezing": ("partial", _STAGES),
            f"{_OPTIMIZATION}.lr_scheduler": ("one_cycle", _RATE),
            _LOSS: ("focal_loss", "most damages are absent from most cards: easy absences must not drown the rest"),
        },
    )


def surface_defect_detection() -> Template:
    return _phoenix(
        "surface_analysis",
        "defect_detection",
        "convnext",
        "level with Swin at its cost (Liu et al. 2022, table 3), and without windows that cut scratches in two",
        {
            f"{_ARCHITECTURE}.pretrained_weights": ("imagenet", _WEIGHTS),
            f"{_CUSTOM}.backbone_freezing": ("partial", _STAGES),
            f"{_CUSTOM}.head_customization": ("phoenix_specialized", "finer masks: scratches are thin"),
            f"{_CUSTOM}.feature_pyramid": ("enhanced", _PYRAMID),
            f"{_OPTIMIZATION}.lr_scheduler": ("one_cycle", _RATE),
            _LOSS: ("focal_loss", "most regions show nothing: easy ones must not drown the few defects"),
        },
    )


def photometric_surface_normal_estimation() -> Template:
    return _phoenix(
        "photometric_stereo",
        "surface_normal_estimation",
        "ps_net",
        "it starts as a robust solver and learns gloss, foil and shadow; many exact lights need no network",
        {
            "image_size": (96, "more of an object at once: a pixel is seen with up to 22 to each side"),
            _LOSS: ("log_angular", "a tenth less counts alike for objects of measured and of guessed lights"),
        },
    )


def photometric_reflectance_analysis() -> Template:
    return _phoenix(
        "photometric_stereo",
        "reflectance_analysis",
        "reflectance_net",
        "roughness is learnt from all pixels of a material together: single ones hardly show it",
        {
            "image_size": (96, "more of an object at once: more pixels of each material to learn it from"),
            _LOSS: ("log_l1_rendering", "what counts is how the surface looks under lights it was not seen under"),
        },
    )


def photometric_depth_reconstruction() -> Template:
    return _phoenix(
        "photometric_stereo",
        "depth_reconstruction",
        "depth_net",
        "it starts as the solver's normals, integrated, and learns which edges to cut and what slopes lack",
        {
            "image_size": (128, "more of an object at once: bow is told apart from dents by what lies around them"),
            _LOSS: ("log_depth_and_normals", "normals see the small dents that a mean of micrometres drowns"),
        },
    )


def _borders(option: str, why: str) -> Template:
    return _phoenix(
        "border_detection",
        option,
        "mask_rcnn",
        why,
        {
            f"{_ARCHITECTURE}.base_architecture": (
                "mask_rcnn_resnet50_fpn",
                "published with COCO weights, and one GPU trains it",
            ),
            f"{_ARCHITECTURE}.pretrained_weights": ("coco", _WEIGHTS),
            f"{_CUSTOM}.backbone_freezing": ("partial", _STAGES),
            f"{_CUSTOM}.head_customization": ("phoenix_specialized", _LINES),
            f"{_CUSTOM}.feature_pyramid": ("enhanced", _PYRAMID),
            f"{_OPTIMIZATION}.lr_scheduler": ("one_cycle", _RATE),
            _LOSS: ("cross_entropy", "a card has one outer border: there are no rare classes to lift"),
        },
    )


def _grades(category: str, option: str, why: str) -> Template:
    return _phoenix(
        category,
        option,
        "efficientnet",
        why,
        {
            f"{_ARCHITECTURE}.base_architecture": (
                "efficientnet_v2_s",
                "made for 384 px: wear is thin",
            ),
            "image_size": (384, "the size its published weights were tested at: wear of two pixels stays visible"),
            f"{_ARCHITECTURE}.pretrained_weights": ("imagenet", _WEIGHTS),
            f"{_CUSTOM}.backbone_freezing": ("partial", _STAGES),
            f"{_CUSTOM}.head_customization": ("phoenix_specialized", _WORST_SPOT),
            f"{_OPTIMIZATION}.learning_rate": (
                3e-4,
                "less than from scratch: published weights are near",
            ),
            f"{_OPTIMIZATION}.lr_scheduler": ("one_cycle", _RATE),
            _LOSS: ("corn", _ORDINAL),
        },
    )


def _damages(category: str, option: str, why: str) -> Template:
    return _phoenix(
        category,
        option,
        "u_net",
        why,
        {
            f"{_ARCHITECTURE}.base_architecture": ("u_net_resnet34", "enough for texture, and light enough for 512 px"),
            f"{_ARCHITECTURE}.pretrained_weights": ("imagenet", _WEIGHTS),
            f"{_CUSTOM}.backbone_freezing": ("partial", _STAGES),
            f"{_CUSTOM}.head_customization": (
                "phoenix_specialized",
                "weighs each place: artwork is no wear",
            ),
            f"{_OPTIMIZATION}.lr_scheduler": ("one_cycle", _RATE),
            _LOSS: ("dice_loss", "damage is a few pixels in a thousand: overlap counts it, a mean over pixels doesn't"),
        },
    )


def _phoenix(category: str, option: str, architecture: str, why: str, turned: Turned) -> Template:
    """The row's recipe for a GPU with ``turned`` keys. Raises InvalidConfig where the catalog can't carry it."""
    overrides = config_of(resolve(category, option, architecture, profile="full"))
    for key, (value, _) in turned.items():
        put(overrides, key, value)
    recipe = resolve(category, option, architecture, overrides, profile="full")
    values = dict(flat_values(recipe))
    own = [Choice(key=key, value=values[key], reason=reason) for key, (_, reason) in turned.items()]
    kept = [Choice(key=key, value=value, reason=_KEPT) for key, value in values.items() if key not in turned]
    chosen = Choice(key="architecture", value=architecture, reason=why)
    return Template(
        name=f"phoenix_{category}_{option}",
        category=category,
        option=option,
        architecture=architecture,
        choices=(chosen, *own, *kept),
    )


# By category and option.
PHOENIX: Mapping[tuple[str, str], Callable[[], Template]] = MappingProxyType(
    {
        ("border_detection", "single_class"): border_single_class,
        ("border_detection", "dual_class"): border_dual_class,
        ("corner_analysis", "quality_classification"): corner_quality_classification,
        ("corner_analysis", "damage_detection"): corner_damage_detection,
        ("corner_analysis", "sharpness_rating"): corner_sharpness_rating,
        ("edge_analysis", "wear_detection"): edge_wear_detection,
        ("edge_analysis", "quality_rating"): edge_quality_rating,
        ("surface_analysis", "defect_detection"): surface_defect_detection,
        ("surface_analysis", "quality_rating"): surface_quality_rating,
        ("surface_analysis", "damage_classification"): surface_damage_classification,
        ("photometric_stereo", "surface_normal_estimation"): photometric_surface_normal_estimation,
        ("photometric_stereo", "reflectance_analysis"): photometric_reflectance_analysis,
        ("photometric_stereo", "depth_reconstruction"): photometric_depth_reconstruction,
    }
)


def templates() -> tuple[Template, ...]:
    """All of them, in the catalog's order."""
    return tuple(make() for make in PHOENIX.values())


def template_named(name: str) -> Template:
    """Raises InvalidConfig naming those there are."""
    found = {f"phoenix_{category}_{option}": make for (category, option), make in PHOENIX.items()}
    if name not in found:
        raise InvalidConfig("template", name, "one of " + ", ".join(found))
    return found[name]()
