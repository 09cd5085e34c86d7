"""The index as canonical JSON."""

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from truscore.datasets import (
    RLE,
    Annotation,
    DatasetIndex,
    DepthMap,
    ImageRecord,
    InvalidIndex,
    Light,
    LitObject,
    MaskMap,
    NormalMap,
    index_digest,
    index_from_json,
    index_to_json,
)
from truscore.datasets.index.records import Camera, ReflectanceMap

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: value + 0.0)
text = st.text(st.characters(codec="utf-8"), max_size=12)
annotations = st.builds(
    Annotation,
    label=st.integers(1, 9),
    box_xywh=st.tuples(numbers, numbers, numbers, numbers),
    polygons=st.lists(st.lists(numbers, min_size=6, max_size=8).map(tuple), max_size=2).map(tuple),
    rle=st.none() | st.builds(RLE, height=st.just(2), width=st.just(3), counts=st.just((1, 2, 3))),
    crowd=st.booleans(),
    source_id=text,
)
triples = st.none() | st.tuples(numbers, numbers, numbers)
lights = st.builds(Light, object=text, direction=triples, intensity_rgb=triples, name=text)
sizes = st.integers(0, 9999)
masks = st.builds(MaskMap, path=text, sha256=text, width=sizes, height=sizes, marked_px=sizes)
normal_maps = st.builds(NormalMap, path=text, sha256=text, width=sizes, height=sizes, expected_px=sizes, unit_px=sizes)
pitches = st.floats(min_value=1e-3, max_value=1e6)
depth_maps = st.builds(
    DepthMap, path=text, sha256=text, width=sizes, height=sizes, expected_px=sizes, known_px=sizes, pitch_um=pitches
)
reflectance = st.none() | st.builds(
    ReflectanceMap, path=text, sha256=text, width=sizes, height=sizes, expected_px=sizes, possible_px=sizes
)
nines = st.tuples(*[numbers] * 9)
cameras = st.builds(
    Camera, scene=text, intrinsics=nines, rotation=nines, translation=st.tuples(numbers, numbers, numbers),
    nearest_um=numbers, farthest_um=numbers, zero_um=numbers, lights=st.sampled_from(["camera", "world"]),
)  # fmt: skip
objects = st.builds(
    LitObject,
    name=text,
    mask=st.none() | masks,
    normals=st.none() | normal_maps,
    depth=st.none() | depth_maps,
    albedo=reflectance,
    roughness=reflectance,
    f0=reflectance,
    camera=st.none() | cameras,
)
records = st.builds(
    ImageRecord,
    path=text,
    sha256=text,
    size_bytes=st.integers(0, 2**40),
    width=st.integers(1, 9999),
    height=st.integers(1, 9999),
    orientation=st.integers(1, 8),
    mode=text,
    file_format=text,
    perceptual_hash=text,
    group=text,
    annotations=st.lists(annotations, max_size=2).map(tuple),
    light=st.none() | lights,
)
indexes = st.builds(
    DatasetIndex,
    format=text,
    class_names=st.lists(text, max_size=3).map(tuple),
    images=st.lists(records, max_size=3, unique_by=lambda image: image.path).map(tuple),
    objects=st.lists(objects, max_size=2, unique_by=lambda thing: thing.name).map(tuple),
)


@settings(max_examples=60, deadline=None)
@given(indexes)
def test_an_index_comes_back_as_it_was_with_its_images_in_order(index: DatasetIndex) -> None:
    back = index_from_json(index_to_json(index))
    images = tuple(sorted(index.images, key=lambda image: image.path))
    assert back == replace(index, images=images, objects=tuple(sorted(index.objects, key=lambda thing: thing.name)))
    assert index_digest(back) == index_digest(index)


@settings(max_examples=40, deadline=None)
@given(indexes, indexes)
def test_different_content_has_a_different_digest(first: DatasetIndex, second: DatasetIndex) -> None:
    assert (index_digest(first) == index_digest(second)) == (index_to_json(first) == index_to_json(second))


def test_the_digest_is_the_same_on_every_machine_and_in_every_release() -> None:
    image = ImageRecord(
        path="images/ä.jpg",
        sha256="ab" * 32,
        size_bytes=10,
        width=4,
        height=3,
        annotations=(Annotation(label=1, box_xywh=(0, 0.5, 1 / 3, 2)),),
    )
    index = DatasetIndex(format="coco", class_names=("outer",), images=(image,))
    assert index_digest(index) == "eb2dcc810081b6191899ee4025dc71bad21330746e3574a18573363c0ddd83ea"


@pytest.mark.parametrize("broken", ["", "[]", "{}", "null", '{"schema": 2}', "[" * 100_000, b"\xff"])
def test_text_that_is_no_index_is_refused(broken: str | bytes) -> None:
    with pytest.raises(InvalidIndex):
        index_from_json(broken)


@settings(max_examples=60, deadline=None)
@given(indexes.filter(lambda index: len(index.images) > 0), st.data())
def test_an_index_with_a_part_missing_is_refused_not_half_read(index: DatasetIndex, data: st.DataObject) -> None:
    plain = json.loads(index_to_json(index))
    part = data.draw(st.sampled_from([plain, plain["images"][0]]))
    del part[data.draw(st.sampled_from(sorted(part.keys() - {"light", "objects"})))]
    with pytest.raises(InvalidIndex):
        index_from_json(json.dumps(plain))
