"""What an order can get wrong before anything is read."""

from truscore.validation.rule import Family, Rule, Severity

_ROWS: tuple[tuple[str, str, str, str], ...] = (
    (
        "order.dataset_id",
        "names of datasets and versions that are no safe names",
        "they become object keys and folders",
        'use 1 to 128 letters, digits, ".", "_" and "-", beginning with a letter or digit',
    ),
    (
        "order.request_id",
        "request ids that are too long or hold control characters",
        "they become part of the run's name",
        "use at most 200 printable characters",
    ),
    (
        "order.category",
        "categories that the catalog does not have",
        "there is nothing to train for them",
        "choose a category of the catalog",
    ),
    (
        "order.option",
        "options that the category does not have",
        "there is nothing to train for them",
        "choose an option of the category",
    ),
    (
        "order.architecture",
        "architectures that the option does not have",
        "there is nothing to train",
        "choose an architecture of the option, or none for its default",
    ),
    (
        "order.config",
        "configurations with an unknown key, an unknown value or an impossible combination",
        "training would fail hours later, or silently do something else",
        "use the keys and values that the message names",
    ),
    (
        "order.format",
        "annotation formats that are not read",
        "nothing can be read without knowing the format",
        "name an accepted format, or none to have it recognised",
    ),
    (
        "order.export_format",
        "export formats that are not made",
        "the run would end without what was ordered",
        "name accepted formats, or none for onnx",
    ),
    (
        "order.class_names",
        "class names that are empty, repeated or too many",
        "labels would have no meaning",
        "name each class once",
    ),
    (
        "order.uri",
        "addresses that are no prefix in an object store",
        "there is nothing to read",
        'name the dataset\'s folder as "s3://bucket/prefix/"',
    ),
    (
        "order.nothing_there",
        "prefixes and buckets without any object",
        "there is nothing to read",
        "upload the dataset before ordering, and check the address",
    ),
    (
        "order.too_large",
        "prefixes with more objects or bytes than accepted",
        "one order must not fill the validator's disk",
        "divide the dataset, or raise the validator's limits",
    ),
    (
        "order.unsafe_key",
        "objects whose key climbs out of the prefix or cannot be a path",
        "they would be written elsewhere",
        "rename the objects",
    ),
    (
        "order.changed_meanwhile",
        "objects that vanished or changed while they were read",
        "what was validated is not what is there",
        "order again once the upload is finished",
    ),
    (
        "order.version_changed",
        "versions that were accepted with other content",
        "a version names one content: runs, reports and models of before would point at what they were not made from",
        "order the new content as a new version; the accepted one stays what it was",
    ),
    (
        "order.reader_crashed",
        "datasets at which the image or annotation reader crashes",
        "it would crash in training too",
        "take out the file that the message names, or export it again",
    ),
    (
        "order.reader_limits",
        "datasets that need more memory or time than the reader may take",
        "one order must not block all",
        "divide the dataset, or raise the validator's limits",
    ),
)

RULES = tuple(
    Rule(id=name, family=Family.ORDER, severity=Severity.ERROR, finds=finds, why=why, mend=mend)
    for name, finds, why, mend in _ROWS
)
