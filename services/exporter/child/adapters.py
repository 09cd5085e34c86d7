"""Which kind of model each task of the catalog makes. A test counts the two against each other."""

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

from torch import nn

from services.exporter.child import framed, instances, lit_reflectance, lit_surfaces, lit_views
from services.exporter.child.export_target import ExportTarget

# From the network and its class names. Raises UnsupportedNetwork.
ADAPTERS: Mapping[str, Callable[[nn.Module, Sequence[str]], ExportTarget]] = MappingProxyType(
    {
        "instance_segmentation": instances.with_masks,
        "detection": instances.with_boxes,
        "normal_estimation": lit_views.export_target,
        "depth_estimation": lit_surfaces.depth_target,
        "reflectance_estimation": lit_reflectance.export_target,
        **{
            task: framed.of_task(task)
            for task in (
                "semantic_segmentation",
                "ordinal_classification",
                "regression",
                "multilabel_classification",
            )
        },
    }
)
