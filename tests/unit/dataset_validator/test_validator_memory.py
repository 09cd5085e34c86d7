"""Validation takes memory in proportion to the images, and little: a hundred thousand stay within a gibibyte."""

from tests.measuring.validation_memory import peak_bytes

# Measured: 5,100 bytes an image with two outlines, on top of 70 MB. A hundred thousand may take 1 GiB.
MOST_BYTES_PER_IMAGE = 8_000
MOST_AT_A_HUNDRED_THOUSAND = 2**30


def test_memory_grows_by_a_few_kilobytes_an_image() -> None:
    few, many = 500, 2000
    at_few, at_many = peak_bytes(few), peak_bytes(many)
    per_image = (at_many - at_few) / (many - few)
    assert per_image <= MOST_BYTES_PER_IMAGE
    assert at_many + per_image * (100_000 - many) <= MOST_AT_A_HUNDRED_THOUSAND
