"""Forms made of the typed schema of the configuration. Pure."""
