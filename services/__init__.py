"""Seven independent services and the command line; they meet on the broker and in the object store."""
