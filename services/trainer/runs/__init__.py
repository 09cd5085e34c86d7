"""A run from its order to its answer: admission, attempts, restarts, relay. Knows processes and stores, not torch."""
