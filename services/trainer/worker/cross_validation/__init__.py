"""Cross-validation of a recipe. Knows folds and the runs that train them; knows no report and no page."""
