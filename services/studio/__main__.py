"""`python -m services.studio`, and `python -m services.studio login-link` for a link that logs in once."""

from services.studio.app import main

main()
