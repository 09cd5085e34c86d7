"""Networks that find instances: boxes, classes and masks of each. Knows tensors; knows no dataset, run or event."""
