"""Networks that see one object under many lights. Know tensors; know no dataset, run or event."""
