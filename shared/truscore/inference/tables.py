"""Predictions as rows of one table, whose columns depend on the model alone: it can be written row by row. Pure."""

from collections.abc import Iterator

from truscore.inference.description import Description
from truscore.inference.predictions import Detection, Prediction

Cell = str | int | float | None
Row = dict[str, Cell]

_PLACE = ("x1", "y1", "x2", "y2")
_CORNERS = tuple(f"corner{number}_{axis}" for number in (1, 2, 3, 4) for axis in "xy")
_CENTRING = (
    *("left_right", "top_bottom", "left_percent", "top_percent"),
    *("left_deviation", "top_deviation", "measured_from", "reason"),
)


def columns_of(description: Description) -> tuple[str, ...]:
    """Names of the columns; "error" is last."""
    names = description.class_names
    match description.task:
        case "instance_segmentation" | "detection":
            borders = (*_CORNERS, "corners_from") if description.finds_borders else ()
            centring = _CENTRING if description.measures_centring else ()
            own = ("number", "name", "score", *_PLACE, "area_px", "area_percent", *borders, *centring)
        case "semantic_segmentation":
            own = ("name", "area_px", "area_percent")
        case "ordinal_classification":
            own = ("grade", "mean", *(f"probability of {name}" for name in names))
        case "regression":
            own = names
        case _:
            own = ("shows", *(f"probability of {name}" for name in names))
    return ("image", "width", "height", *own, "error")


def rows_of(image: str, prediction: Prediction) -> Iterator[Row]:
    """A row for each finding, or for each class of a map, or one; one with empty cells where nothing was found."""
    head: Row = {"image": image, "width": prediction.width, "height": prediction.height}
    if prediction.detections is not None:
        for number in range(len(prediction.detections)):
            yield {**head, **_detection(prediction, number)}
        if not prediction.detections:
            yield head
    elif prediction.areas is not None:
        for area in prediction.areas:
            yield {**head, "name": area.name, "area_px": area.area_px, "area_percent": area.area_percent}
    elif prediction.grade is not None:
        grade = prediction.grade
        shares = {f"probability of {name}": share for name, share in grade.probabilities.items()}
        yield {**head, "grade": grade.name, "mean": grade.mean, **shares}
    elif prediction.scores is not None:
        yield {**head, **prediction.scores}
    else:
        labels = prediction.labels or ()
        shares = {f"probability of {one.name}": one.probability for one in labels}
        yield {**head, "shows": ", ".join(one.name for one in labels if one.there), **shares}


def error_row(image: str, message: str) -> Row:
    return {"image": image, "error": message}


def _detection(prediction: Prediction, number: int) -> Row:
    """`number` counts from 0; a card's centring stands in the row of its edge."""
    one = (prediction.detections or ())[number]
    row: Row = {
        "number": number,
        "name": one.name,
        "score": one.score,
        **dict(zip(_PLACE, one.box, strict=True)),
        "area_px": one.area_px,
        "area_percent": one.area_percent,
        **_corners(one),
    }
    for centring in prediction.centring or ():
        if centring.outer == number:
            row |= {name: getattr(centring, name) for name in _CENTRING}
    return row


def _corners(one: Detection) -> Row:
    if one.corners is None:
        return {}
    values = (value for corner in one.corners for value in corner)
    return {**dict(zip(_CORNERS, values, strict=True)), "corners_from": one.corners_from}
