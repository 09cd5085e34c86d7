"""Models in shapes that follow from the picture's size alone, for runtimes without shapes that depend on its content.

Knows torch and the networks of the zoo; knows nothing of files or formats. Answers are those of the networks' own
forward pass, up to the order of additions.
"""

__all__: list[str] = []
