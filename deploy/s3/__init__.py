"""What each service may do in the object store: one table, and the policies that follow. Touches no socket."""
