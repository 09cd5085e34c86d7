"""How the system is run. Knows machines, processes and ports; knows nothing of datasets, networks or messages."""
