"""Says whether an ordered dataset is fit to train on. Knows orders, listings and verdicts; knows no run or model."""
