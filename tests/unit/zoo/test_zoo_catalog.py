"""The catalog against the product's tables and against the builders."""

import importlib

import pytest
from torch import nn
from truscore import catalog
from truscore.catalog.networks import NETWORKS
from truscore.recipes import cpu_processes, resolve
from truscore.zoo.builders import BUILDERS, build_model

TABLES = {
    ("border_detection", "single_class"): {"mask_rcnn", "yolo", "retinanet"},
    ("border_detection", "dual_class"): {"mask_rcnn", "detectron2"},
    ("corner_analysis", "quality_classification"): {"resnet", "vision_transformer", "efficientnet"},
    ("corner_analysis", "damage_detection"): {"u_net", "deeplabv3", "segment_anything"},
    ("corner_analysis", "sharpness_rating"): {"custom_cnn", "feature_pyramid"},
    ("edge_analysis", "wear_detection"): {"u_net", "deeplabv3", "segment_anything"},
    ("edge_analysis", "quality_rating"): {"resnet", "vision_transformer", "efficientnet"},
    ("surface_analysis", "defect_detection"): {"fpn", "swin_transformer", "convnext"},
    ("surface_analysis", "quality_rating"): {"efficientnet", "resnet", "densenet"},
    ("surface_analysis", "damage_classification"): {"multi_head_cnn", "attention_network"},
    ("photometric_stereo", "surface_normal_estimation"): {
        "ps_net",
        "neural_surface_reconstruction",
        "ps_net_uncalibrated",
    },
    ("photometric_stereo", "reflectance_analysis"): {"reflectance_net", "brdf_estimation"},
    ("photometric_stereo", "depth_reconstruction"): {"depth_net", "multi_view_stereo"},
}


def test_the_catalog_has_the_rows_of_the_tables_and_no_others() -> None:
    rows = {(row.category, row.option, row.architecture) for row in catalog.ROWS}
    assert rows == {(*option, architecture) for option, named in TABLES.items() for architecture in named}
    assert len(rows) == len(catalog.ROWS)


def test_every_network_has_a_row_and_one_builder_and_no_builder_is_idle() -> None:
    assert {base for row in catalog.ROWS for base in row.bases} == set(NETWORKS)
    assert {type(network.config) for network in NETWORKS.values()} == set(BUILDERS)


def test_a_row_that_is_not_available_says_why() -> None:
    for row in catalog.ROWS:
        assert row.available == bool(row.bases)
        assert row.available or row.reason


def test_the_package_gives_its_builders_on_demand() -> None:
    zoo = importlib.import_module("truscore.zoo")
    assert callable(zoo.build_model)
    assert callable(zoo.load_checkpoint_model)
    assert not hasattr(zoo, "nothing_of_this_name")


@pytest.mark.parametrize("row", [row for row in catalog.ROWS if row.available], ids=lambda row: row.architecture)
def test_parameters_are_counted_and_batches_are_divided_where_no_norm_is_over_them(row: catalog.Row) -> None:
    for base in row.bases:
        overrides = {
            "architecture_config": {"base_architecture": base}, "hyperparameters": {"optimization": {"batch_size": 4}}
        }  # fmt: skip
        recipe = resolve(row.category, row.option, row.architecture, overrides)
        network = build_model(recipe, 2)
        own = [weights for name, weights in network.named_parameters() if not name.startswith("border_lines.")]
        assert sum(weights.numel() for weights in own) == NETWORKS[base].parameters
        of_batches = any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in network.modules())
        divided = cpu_processes(recipe, images=10**9, cores=2)
        # How long a network that nobody measured trains is not known: only that of batches is sure to keep one process.
        if of_batches or NETWORKS[base].activation_bytes_per_pixel:
            assert (divided.count == 1) == of_batches, (base, divided.reason)
