"""Where drafts, accounts and sessions lie: SQLite for one instance of the studio, PostgreSQL for several. Knows
transactions and SQL's common subset; knows nothing of what is in the tables."""

from services.studio.database.opening import open_database
from services.studio.database.port import Database, DatabaseAway, DatabaseFull, Rows, Unstorable

__all__ = ["Database", "DatabaseAway", "DatabaseFull", "Rows", "Unstorable", "open_database"]
