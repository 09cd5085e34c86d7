"""Python runs this before an MLflow server: PYTHONPATH names its folder.

MLflow's first search for runs tries to import its login extension, whose database models are known to SQLAlchemy while
half of them are still to come: any other request in that moment breaks the server for good. Nothing of ours uses the
extension, so it can't be imported.
"""

import sys

sys.modules.setdefault("mlflow.server.auth", None)  # type: ignore[arg-type]  # None: "cannot be imported"
