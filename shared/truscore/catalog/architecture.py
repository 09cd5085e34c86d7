"""The architectures that a model can be ordered as, each said once, whatever options offer it. Data only, no torch."""

from dataclasses import dataclass

NOT_YET = "not yet available"


@dataclass(frozen=True, kw_only=True, slots=True)
class Architecture:
    """What a name such as ``mask_rcnn`` stands for, in every option that offers it.

    ``bases`` are the networks it can be built on, ``losses`` what loss_config.primary_loss accepts, where it isn't what
    its task has; both have their default first. ``template`` names its default recipes (``truscore.recipes``), and
    ``reason`` says why it can't be trained; ``target`` what it learns from, where that is not what its task does.
    """

    name: str
    task: str
    bases: tuple[str, ...] = ()
    losses: tuple[str, ...] = ()
    template: str = ""
    reason: str = ""
    target: str = ""


MASK_RCNN = Architecture(
    name="mask_rcnn",
    task="instance_segmentation",
    bases=(
        "mask_rcnn_mobilenet_v3_large_fpn",
        "mask_rcnn_mobilenet_v3_small_fpn",
        "mask_rcnn_shufflenet_v2_fpn",
        "mask_rcnn_efficientnet_lite0_fpn",
        "mask_rcnn_resnet50_fpn",
    ),
    template="border_mask_rcnn",
)
DETECTRON2 = Architecture(
    name="detectron2",
    task="instance_segmentation",
    bases=("detectron2_mask_rcnn_r18_fpn", "detectron2_mask_rcnn_r50_fpn"),
    template="border_detectron2",
)
YOLO = Architecture(
    name="yolo",
    task="detection",
    bases=("yolox_shufflenet_v2_x0_5_pan", "yolox_shufflenet_v2_x1_0_pan", "yolox_resnet50_pan"),
    losses=("cross_entropy", "focal_loss"),
    template="border_yolo",
)
RETINANET = Architecture(
    name="retinanet",
    task="detection",
    bases=("retinanet_mobilenet_v3_small_fpn", "retinanet_resnet50_fpn"),
    template="border_retinanet",
)
FPN = Architecture(
    name="fpn",
    task="instance_segmentation",
    bases=(
        "mask_rcnn_resnet18_fpn",
        "mask_rcnn_shufflenet_v2_fine_fpn",
        "mask_rcnn_efficientnet_lite0_fine_fpn",
        "mask_rcnn_resnet50_fpn",
    ),
    template="defects",
)
SWIN_TRANSFORMER = Architecture(
    name="swin_transformer",
    task="instance_segmentation",
    bases=("mask_rcnn_swin_mini_fpn", "mask_rcnn_swin_t_fpn"),
    template="defects",
)
CONVNEXT = Architecture(
    name="convnext",
    task="instance_segmentation",
    bases=("mask_rcnn_convnext_mini_fpn", "mask_rcnn_convnext_tiny_fpn"),
    template="defects",
)
U_NET = Architecture(
    name="u_net",
    task="semantic_segmentation",
    bases=(
        "u_net_shufflenet_v2",
        "u_net_efficientnet_lite0",
        "u_net_efficientnet_lite0_os2",
        "u_net_efficientnet_lite0_slim",
        "u_net_resnet34",
    ),
    template="damage_mask_u_net",
)
DEEPLABV3 = Architecture(
    name="deeplabv3",
    task="semantic_segmentation",
    bases=("deeplabv3_mobilenet_v3_small", "deeplabv3_resnet50"),
    template="damage_mask_deeplabv3",
)
SEGMENT_ANYTHING = Architecture(
    name="segment_anything",
    task="semantic_segmentation",
    bases=("sam_vit_tiny", "sam_vit_base"),
    template="damage_mask_sam",
)
RESNET = Architecture(
    name="resnet",
    task="ordinal_classification",
    bases=("resnet10_slim", "resnet18", "resnet50"),
    template="grades",
)
VISION_TRANSFORMER = Architecture(
    name="vision_transformer",
    task="ordinal_classification",
    bases=("vit_compact", "vit_tiny_patch16", "vit_b_16"),
    template="grades",
)
EFFICIENTNET = Architecture(
    name="efficientnet",
    task="ordinal_classification",
    bases=(
        "efficientnet_v2_slim",
        "efficientnet_lite0",
        "statistics_efficientnet_lite0",
        "efficientnet_b0",
        "efficientnet_v2_s",
        "shufflenet_v2_x1_0",
    ),
    template="grades",
)
DENSENET = Architecture(
    name="densenet",
    task="ordinal_classification",
    bases=("densenet_slim", "densenet121"),
    template="grades",
)
CUSTOM_CNN = Architecture(
    name="custom_cnn",
    task="regression",
    bases=("statistics_cnn", "statistics_cnn_wide"),
    template="sharpness",
)
FEATURE_PYRAMID = Architecture(
    name="feature_pyramid",
    task="regression",
    bases=("pyramid_resnet10_slim", "pyramid_efficientnet_lite0", "pyramid_resnet50"),
    template="sharpness",
)
MULTI_HEAD_CNN = Architecture(
    name="multi_head_cnn",
    task="multilabel_classification",
    bases=(
        "multi_head_resnet10_slim",
        "multi_head_efficientnet_lite0",
        "multi_head_resnet18",
        "multi_head_resnet50",
    ),
    template="damage_classes",
)
ATTENTION_NETWORK = Architecture(
    name="attention_network",
    task="multilabel_classification",
    bases=("attention_resnet10_slim", "attention_resnet18", "attention_resnet50"),
    template="damage_classes",
)
PS_NET = Architecture(
    name="ps_net",
    task="normal_estimation",
    bases=("set_network", "set_network_wide", "spatial_set_network", "spatial_set_network_wide"),
    template="normals",
)
PS_NET_UNCALIBRATED = Architecture(
    name="ps_net_uncalibrated",
    task="normal_estimation",
    bases=("uncalibrated_set_network", "uncalibrated_set_network_wide"),
    template="uncalibrated_normals",
)
NEURAL_SURFACE_RECONSTRUCTION = Architecture(
    name="neural_surface_reconstruction",
    task="normal_estimation",
    bases=("light_refit_surface_network", "light_refit_surface_network_wide"),
    template="surfaces",
)
REFLECTANCE_NET = Architecture(
    name="reflectance_net",
    task="reflectance_estimation",
    bases=("reflectance_network", "reflectance_network_wide"),
    template="reflectance",
)
BRDF_ESTIMATION = Architecture(
    name="brdf_estimation",
    task="reflectance_estimation",
    bases=("brdf_network", "brdf_network_wide"),
    template="brdf",
)
DEPTH_NET = Architecture(
    name="depth_net",
    task="depth_estimation",
    bases=("surface_network", "surface_network_wide"),
    template="depth",
)
MULTI_VIEW_STEREO = Architecture(
    name="multi_view_stereo",
    task="depth_estimation",
    bases=("multi_view_network", "multi_view_network_wide"),
    losses=("smooth_l1", "mean_squared_error"),
    template="multi_view",
    target="multi_view",
)
