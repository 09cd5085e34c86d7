"""Networks that see an image as a whole: grades, scores, labels. Knows tensors; knows no dataset, run or event."""
