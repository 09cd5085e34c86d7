"""Which object addresses are accepted, and how they are taken apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from truscore.storage import InvalidUri, parse_uri


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://data/a/b.jpg", "data", "a/b.jpg"),
        ("s3://data/prefix/", "data", "prefix/"),
        ("s3://data/", "data", ""),
        ("s3://data", "data", ""),
        ("s3://my.bucket-1/what?is=this#100%", "my.bucket-1", "what?is=this#100%"),
    ],
)
def test_an_address_is_bucket_and_key_taken_literally(uri: str, bucket: str, key: str) -> None:
    address = parse_uri(uri)
    assert (address.bucket, address.key) == (bucket, key)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "data/a",
        "http://data/a",
        "S3://data/a",
        "s3:///a",
        "s3://UPPER/a",
        "s3://a/b",
        "s3://data/../other",
        "s3://data/a/../b",
        "s3://data/a//b",
        "s3://data/./a",
        "s3://data/a\x00b",
        "s3://data/a\nb",
        "s3://data//",
        f"s3://data/{'k' * 1025}",
        "s3://data/\ud800",
    ],
)
def test_an_unsafe_or_foreign_address_is_refused(uri: str) -> None:
    with pytest.raises(InvalidUri):
        parse_uri(uri)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused_and_an_address_reads_back(text: str) -> None:
    try:
        address = parse_uri("s3://bucket/" + text)
    except InvalidUri:
        return
    assert parse_uri(address.uri) == address
    assert ".." not in address.key.split("/")
