"""Searches for hyper-parameters: ordered, shown, cancelled."""
