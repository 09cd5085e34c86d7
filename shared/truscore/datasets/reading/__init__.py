"""What every reader uses: the folder, references to images, declarations, problems. Knows no single format."""
