"""How good a network is, in numbers. Knows what is real and what was found; knows no network, file, run or event."""
