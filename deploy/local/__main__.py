"""`python -m deploy.local setup|up|demo|down`."""

import signal

# Until the command has something to end in order, Ctrl-C ends it without a traceback.
signal.signal(signal.SIGINT, signal.SIG_DFL)

from deploy.local.commands import commands  # noqa: E402

commands()
