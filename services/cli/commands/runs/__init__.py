"""Commands on training runs: submit, watch, list, show, cancel, pause, resume; they know the broker and the monitor."""
