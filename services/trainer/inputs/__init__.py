"""What a run is given to train on: dataset, report, weights, put into its folder. Knows no attempt and no message."""
