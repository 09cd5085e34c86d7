"""`python -m services.exporter` runs the service until it is stopped."""

from services.exporter.app import main

if __name__ == "__main__":
    main()
