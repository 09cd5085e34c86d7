"""What we take from others, held to rules: licences, advisories, no secret in a file. Knows files of the repository."""
