"""The format of COCO's panoptic segmentation."""
