"""What a command is given: an order, a dataset's folder, a model file, the name of a release."""
