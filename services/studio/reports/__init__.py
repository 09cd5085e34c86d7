"""What runs report of themselves: read from the store, and put as pages show it. Knows no draft and no page."""
