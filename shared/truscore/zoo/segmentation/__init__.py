"""Networks that say what each pixel shows. Knows tensors; knows no dataset, run or event."""
