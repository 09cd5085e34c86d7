"""`python -m services.experiment_tracker`."""

import sys

# mlflow loads pandas wherever it is installed: 45 MB that nothing here uses. Before the first import of mlflow.
sys.modules.setdefault("pandas", None)  # type: ignore[arg-type]  # None: "cannot be imported"

from services.experiment_tracker.app import main  # noqa: E402

main()
