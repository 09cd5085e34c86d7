"""Losses by kind of answer. Know tensors; know no network, no recipe and no dataset."""
