"""Commands on models: what can be trained and how it is configured, fetching an exported one, predicting with it."""
