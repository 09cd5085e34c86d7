"""How good a network is, in numbers. Knows targets and predictions; knows no network, file, run or event."""
