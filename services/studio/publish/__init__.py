"""From a draft to a version in the object store. Knows files and the store; events are sent by who is handed in."""
