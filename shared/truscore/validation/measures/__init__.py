"""Numbers that rules compare: image statistics, tests of chance, thumbnails. Know no rule."""
