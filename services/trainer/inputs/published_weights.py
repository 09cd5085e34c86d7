"""Published weights: ``python -m services.trainer.inputs.published_weights NETWORK NAME`` prints an address as JSON.

Asked in a process of its own: to know an address the library has to be imported, and torch with it. Only weights whose
file name holds the digest are here; of the others nothing would say that they came whole and unchanged.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from types import MappingProxyType

_NAMED_DIGEST = re.compile(r"-([0-9a-f]{8,64})\.pth$")
_IMAGENET: Mapping[str, str] = MappingProxyType(
    {
        "attention_resnet18": "ResNet18",
        "attention_resnet50": "ResNet50",
        "deeplabv3_mobilenet_v3_small": "MobileNet_V3_Small",
        "deeplabv3_resnet50": "ResNet50",
        "densenet121": "DenseNet121",
        "detectron2_mask_rcnn_r18_fpn": "ResNet18",
        "efficientnet_b0": "EfficientNet_B0",
        "efficientnet_v2_s": "EfficientNet_V2_S",
        "mask_rcnn_convnext_tiny_fpn": "ConvNeXt_Tiny",
        "mask_rcnn_resnet18_fpn": "ResNet18",
        "mask_rcnn_shufflenet_v2_fine_fpn": "ShuffleNet_V2_X1_0",
        "mask_rcnn_shufflenet_v2_fpn": "ShuffleNet_V2_X1_0",
        "mask_rcnn_swin_t_fpn": "Swin_T",
        "multi_head_resnet18": "ResNet18",
        "multi_head_resnet50": "ResNet50",
        "pyramid_resnet50": "ResNet50",
        "resnet18": "ResNet18",
        "resnet50": "ResNet50",
        "shufflenet_v2_x1_0": "ShuffleNet_V2_X1_0",
        "u_net_resnet34": "ResNet34",
        "u_net_shufflenet_v2": "ShuffleNet_V2_X1_0",
        "vit_b_16": "ViT_B_16",
        "yolox_resnet50_pan": "ResNet50",
        "yolox_shufflenet_v2_x0_5_pan": "ShuffleNet_V2_X0_5",
        "yolox_shufflenet_v2_x1_0_pan": "ShuffleNet_V2_X1_0",
    }
)
# Torchvision's names of weights, by network and name of weights as a recipe has them. The first version of each, which
# is what its detectors and segmenters start from: a later one would be other weights under the same name.
TORCHVISION: Mapping[tuple[str, str], str] = MappingProxyType(
    {(network, "imagenet"): f"{body}_Weights.IMAGENET1K_V1" for network, body in _IMAGENET.items()}
    | {
        ("deeplabv3_resnet50", "coco"): "DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1",
        ("mask_rcnn_resnet50_fpn", "coco"): "MaskRCNN_ResNet50_FPN_Weights.COCO_V1",
        ("retinanet_resnet50_fpn", "coco"): "RetinaNet_ResNet50_FPN_Weights.COCO_V1",
    }
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Published:
    """A file of weights: its ``url``, and the first digits of its SHA-256, hexadecimal, as the library has them."""

    url: str
    sha256_prefix: str


def published(network: str, name: str) -> Published | None:
    """None where no library of ours publishes such weights with a digest. Imports the library."""
    known = TORCHVISION.get((network, name))
    if known is None:
        return None
    from torchvision.models import get_weight

    url = get_weight(known).url
    digest = _NAMED_DIGEST.search(url)
    return Published(url=url, sha256_prefix=digest[1]) if digest else None


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status 0; prints ``null`` where there is nothing."""
    parser = argparse.ArgumentParser(prog="services.trainer.inputs.published_weights", description=__doc__)
    parser.add_argument("network", help="base_architecture of a recipe")
    parser.add_argument("name", help="its pretrained_weights")
    asked = parser.parse_args(arguments)
    found = published(asked.network, asked.name)
    sys.stdout.write(json.dumps(asdict(found) if found else None) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
