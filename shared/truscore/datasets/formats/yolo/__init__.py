"""The format of YOLO."""
