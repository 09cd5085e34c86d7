"""`python -m services.hyperparameter_search`."""

from services.hyperparameter_search.app import main

main()
