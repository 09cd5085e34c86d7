"""The contract in Python: below v1 generated from proto/ by `make proto` and never edited; here its version."""

from typing import Final

# Of proto/truscore/events: docs/explanation/contract-versions.md says what raises which part.
# Each version has an entry in CHANGELOG.md.
CONTRACT_VERSION: Final = "1.11.1"
