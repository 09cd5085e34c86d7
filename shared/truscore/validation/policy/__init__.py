"""Where the lines are drawn, by category and dataset. Knows thresholds; knows no rule's code."""
