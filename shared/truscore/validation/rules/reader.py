"""What the reader finds: one rule for each of its codes. Some are also looked for in the index, however it was made."""

from truscore.datasets import FORMATS
from truscore.datasets.reading.problems import CODES
from truscore.validation.rule import Check, Family, Rule, Severity
from truscore.validation.rules.boxes import degenerate_boxes
from truscore.validation.rules.class_balance import unused_classes
from truscore.validation.rules.class_consistency import repeated_class_names, unknown_classes
from truscore.validation.rules.image_quality import multi_picture_images
from truscore.validation.rules.masks import faulty_rles, numbers_not_finite
from truscore.validation.rules.polygons import short_polygons

ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
REMAKE = "export the dataset again from the annotation tool"
REPLACE_FILE = "put the image itself in its place, or take it and its annotations out"
WRONG_FRAME = "boxes may have been drawn on another picture than the one that is trained on"

_ROWS: tuple[tuple[str, Severity, str, str], ...] = (
    (
        "format.unrecognised",
        ERROR,
        "nothing can be read without knowing the format",
        f"name the format, one of {', '.join(FORMATS)}",
    ),
    ("format.empty", ERROR, "there is nothing to train on", "upload the dataset before ordering"),
    ("format.too_many_files", ERROR, "the reader's bounds keep one order from blocking all", "divide the dataset"),
    (
        "format.path_escape",
        ERROR,
        "a path out of the folder reads what is not the dataset's",
        "use paths within the dataset",
    ),
    ("format.link_outside", ERROR, "a link out of the folder reads what is not the dataset's", "copy the files in"),
    ("format.name_not_text", ERROR, "annotations cannot name the file", "rename the file in plain letters"),
    ("format.image_missing", ERROR, "the upload is incomplete, or names were changed", "upload the missing images"),
    ("format.image_ambiguous", ERROR, "the annotations may belong to either file", "give each image a name of its own"),
    ("format.image_unlisted", WARNING, "it is left out of training", "annotate it, or take it out"),
    ("format.duplicate_image", WARNING, "one picture may count twice with different marks", "describe each image once"),
    ("format.size_missing", WARNING, "nothing tells whether boxes were drawn on this file", "declare width and height"),
    ("format.size_swapped", ERROR, WRONG_FRAME, "exchange width and height in the annotations and check the boxes"),
    (
        "format.size_mismatch",
        ERROR,
        WRONG_FRAME,
        "annotate the very files of the dataset, or scale the boxes with them",
    ),
    ("format.exif_ignored", ERROR, WRONG_FRAME, "turn the pixels upright, remove the EXIF tag and check the boxes"),
    (
        "format.class_names_differ",
        WARNING,
        "a model's labels may mean something else",
        "order with the dataset's names",
    ),
    (
        "format.class_name_duplicate",
        ERROR,
        "results by class cannot be told apart",
        "give each class a name of its own",
    ),
    ("format.name_mismatch", ERROR, "nobody knows whether it is the same picture", "give both the same name"),
    ("format.filename_bare", INFO, "other programs do not find the image", "name the image with its ending"),
    ("format.filename_other", WARNING, "the annotations may be another picture's", "name the image as it is called"),
    ("format.image_elsewhere", WARNING, "another program will not find the image", "use paths within the dataset"),
    ("format.name_case", INFO, "programs on Linux do not find the image", "name the image as its file is called"),
    ("format.name_encoded", INFO, "other programs do not find the image", "name the image as its file is called"),
    ("format.annotations.missing", ERROR, "there is nothing to learn from", "put the annotation file in the folder"),
    ("format.annotations.unreadable", ERROR, "the file was cut off or is something else", REMAKE),
    ("format.annotations.structure", ERROR, "what it says is lost", REMAKE),
    ("format.annotations.left_out", INFO, "it may have been meant to be learnt", "nothing needs mending"),
    ("label.kind_unread", WARNING, "what it marks is learnt as background", "draw it as a box, polygon or mask"),
    ("label.several_annotators", WARNING, "the others may say something else", "export one annotation for each image"),
    ("format.values_as_text", WARNING, "other programs refuse them, or find no mark of an image", REMAKE),
    ("format.exif_upright", INFO, "other programs draw the boxes elsewhere", "turn the pixels upright"),
    (
        "label.part_left_out",
        WARNING,
        "it may have been more than a slip of the hand",
        "draw the part again, or delete it",
    ),
    (
        "label.all_crowd",
        ERROR,
        "crowds are left out of training: there is nothing to learn from",
        'declare "crowd": "things" in truscore.json if they are single things',
    ),
    ("label.confidence", INFO, "what a program took for marks teaches its errors", "have people look at the marks"),
    ("label.key_points", INFO, "no network here learns them", "nothing needs mending"),
    ("format.nearest", INFO, "without a format nothing is known of the images", "make the change that it names"),
    ("format.encoding", INFO, "other programs read its words as something else", "save the file as UTF-8"),
    ("format.several_formats", WARNING, "they may not say the same", "name the format, or keep one of them"),
    (
        "format.ambiguous",
        ERROR,
        "the wrong reading would be trained on",
        "name the format in the order or in truscore.json",
    ),
    ("format.derived_pictures", INFO, "trained on, they would teach what no camera sees", "nothing needs mending"),
    ("format.declaration", ERROR, "what was declared does not hold", "correct truscore.json"),
    ("format.class_map", ERROR, "what its labels mean is not known", "map every class of the dataset, and no other"),
    ("format.list_absolute", WARNING, "another program will not find the images", "use paths within the dataset"),
    ("format.list_unresolved", WARNING, "part of the dataset may be missing", "upload the images, or correct the list"),
    (
        "format.parts_stated",
        INFO,
        "training, validation and test images are those that the dataset's makers chose",
        "remove the lists to have the split made here",
    ),
    (
        "format.parts_unclear",
        WARNING,
        "an image in the wrong part makes figures better than the model is",
        "list every image once, or remove the lists to have the split made here",
    ),
    ("format.link_as_text", WARNING, "what the link led to is missing here", "copy the files in, in place of the link"),
    (
        "format.pictures_unread",
        WARNING,
        "nothing is learnt from them, and what was annotated on them is lost",
        "convert them to JPEG, PNG or TIFF, or remove them",
    ),
    (
        "format.file_unknown",
        INFO,
        "it may have been meant as an image or annotation",
        "give it its ending, or remove it",
    ),
    ("format.grade_missing", INFO, "nothing is learnt from such an image", "leave the field empty, or add the grade"),
    (
        "format.grades_merged",
        INFO,
        "graders' words differ for one grade",
        "declare `classes` and `grades` to keep them",
    ),
    ("format.voc.missing", ERROR, "there is nothing to learn from", "put the XML files beside the images"),
    ("format.voc.invalid_xml", ERROR, "the file was cut off, or wants more than to be read", REMAKE),
    ("format.voc.structure", WARNING, "it is left out, whatever it says", "keep annotations only, or correct the file"),
    ("format.labelme.missing", ERROR, "there is nothing to learn from", "put the JSON files beside the images"),
    ("format.labelme.invalid_json", ERROR, "the file was cut off or is something else", REMAKE),
    ("format.labelme.picture_inside", ERROR, "training reads image files", "save the image as a file beside its JSON"),
    ("format.labelme.lights", INFO, "their annotations are those of the card's own image", "nothing needs mending"),
    ("format.folder.no_class", WARNING, "it is left unlabelled", "move it to the folder of its class"),
    (
        "format.folder.levels",
        INFO,
        "another level may have been meant",
        "list the names that are meant as `classes` in truscore.json",
    ),
    ("format.csv.missing", ERROR, "there is nothing to learn from", "name the columns `filename` and `label`"),
    ("format.csv.unreadable", ERROR, "the file was cut off or is something else", "save it as UTF-8 text"),
    ("format.csv.row", ERROR, "its fields may stand under other columns", "quote fields that hold the delimiter"),
    ("format.csv.value", ERROR, "what the row says is lost", "correct the field"),
    ("format.csv.label_missing", WARNING, "nothing is learnt from the image", "add the label, or take the row out"),
    (
        "format.csv.column_unused",
        INFO,
        "it may have been meant as a label",
        "call it `label`, or `score:` and its name",
    ),
    (
        "format.csv.columns_by_values",
        INFO,
        "another column may have been meant",
        "begin with a line of headings, such as `filename,label`",
    ),
    (
        "format.csv.boxes_by_values",
        INFO,
        "boxes read otherwise lie elsewhere",
        'declare "boxes" in truscore.json: xyxy, xywh or cxcywh',
    ),
    (
        "format.csv.boxes_undecided",
        ERROR,
        "boxes read otherwise lie elsewhere",
        'declare "boxes" in truscore.json: xyxy, xywh or cxcywh',
    ),
    ("format.csv.rows_repeated", INFO, "boxes that count twice weigh twice", "keep one table of each row"),
    ("format.masks.missing", ERROR, "there is nothing to learn from", "put NAME.png beside NAME.jpg, or in `masks`"),
    (
        "format.masks.image_without_mask",
        WARNING,
        "a forgotten one teaches that all is background",
        "add the mask, if all black",
    ),
    ("format.deeppcb.missing", ERROR, "there is nothing to learn from", "put the text files into the folder"),
    ("format.deeppcb.templates", INFO, "they are no examples of defects", "nothing needs mending"),
    (
        "format.multi_light.missing",
        ERROR,
        "there is nothing to learn from",
        "put light_directions.txt and filenames.txt into the folder of each object",
    ),
    ("format.multi_light.unreadable", ERROR, "no view's light is known", "save it as UTF-8 text, one light a line"),
    (
        "format.multi_light.count",
        ERROR,
        "every light after the first that is missing would go with another view",
        "list one light for each image, in the same order",
    ),
    ("format.multi_light.value", ERROR, "what the line says is lost", "correct the line that the message names"),
    (
        "format.multi_light.no_list",
        WARNING,
        "a light that goes with another view turns every normal",
        "list the images in filenames.txt, in the order of the lights",
    ),
    ("format.coco.missing", ERROR, "there is nothing to learn from", "put the COCO file in the dataset's folder"),
    ("format.coco.invalid_json", ERROR, "the file was cut off or is something else", REMAKE),
    ("format.coco.too_large", ERROR, "the reader's bounds keep one order from blocking all", "divide the dataset"),
    ("format.coco.wrapped", ERROR, "other readers find no images in it", "save the inner object as the file"),
    ("format.coco.structure", ERROR, "what is missing cannot be guessed", REMAKE),
    ("format.coco.no_categories", ERROR, "labels have no meaning", "declare the categories"),
    ("format.coco.duplicate_id", ERROR, "annotations may belong to either entry", "number the entries anew"),
    (
        "format.coco.categories_differ",
        WARNING,
        "programs that go by ids take two classes for one",
        "use one category list for all files",
    ),
    ("format.yolo.missing", ERROR, "there is nothing to learn from", "put a labels folder beside the images folder"),
    ("format.yolo.invalid_yaml", ERROR, "class names and folders are unknown", "correct data.yaml"),
    (
        "format.yolo.paths_unresolved",
        WARNING,
        "another program will not find the images",
        "use paths relative to data.yaml",
    ),
    (
        "format.yolo.no_names",
        WARNING,
        "ids mean different things in different sets",
        "name the classes in data.yaml or order",
    ),
    ("format.yolo.count_mismatch", ERROR, "ids and names may be shifted", "make nc the number of names"),
    ("format.yolo.label_unreadable", ERROR, "it is no label file", REMAKE),
    (
        "format.yolo.image_without_label",
        WARNING,
        "a forgotten one teaches that all is background",
        "add the file, if empty",
    ),
    ("format.yolo.label_without_image", ERROR, "the upload is incomplete, or names were changed", "upload the image"),
    ("format.truscore.missing", ERROR, "there is nothing to learn from", "write the dataset with `truscore convert`"),
    ("format.truscore.invalid", ERROR, "the file was cut off or is something else", "write the dataset again"),
    (
        "format.truscore.image_changed",
        ERROR,
        "marks may have been drawn on another picture",
        "put the image back, or write the dataset again",
    ),
    ("label.malformed", ERROR, "what it marks is lost", REMAKE),
    ("label.not_finite", ERROR, "one such number makes the whole loss NaN", "draw the annotation again"),
    ("label.unknown_category", ERROR, "the network has no output for it", "declare the category, or correct the label"),
    ("label.unknown_image", ERROR, "what it marks is lost", "declare the image, or remove the annotation"),
    ("label.empty_box", ERROR, "detectors refuse it or learn from an empty region", "remove it, or draw it again"),
    ("label.short_polygon", ERROR, "its mask is empty", "draw at least three corners that are not in line"),
    (
        "label.not_normalised",
        ERROR,
        "the coordinates are in pixels or belong to another image",
        "divide by the image's size",
    ),
    ("label.invalid_rle", ERROR, "its mask is lost", REMAKE),
    ("label.unused_category", WARNING, "the network gets an output that is never taught", "remove it, or annotate it"),
    ("label.ignored_region", INFO, "it counts as background in training", "cut the region out of the image"),
    ("label.mask_unreadable", ERROR, "what it marks is lost", REMAKE),
    ("label.mask_size", ERROR, "it was drawn on another picture", "draw it on the very image of the dataset"),
    (
        "label.mask_values",
        ERROR,
        "nobody can tell what is marked",
        "declare mask_values or mask_threshold in truscore.json",
    ),
    (
        "label.mask_not_binary",
        WARNING,
        "thin things are marked or not as the threshold has it",
        "declare mask_threshold in truscore.json",
    ),
    ("label.empty_mask", ERROR, "the folder says defect, the mask says none", "draw the mask, or move the image"),
    (
        "label.good_but_marked",
        ERROR,
        "the folder says sound, the mask says defect",
        "move the image, or clear the mask",
    ),
    (
        "label.too_many",
        ERROR,
        "the reader's bounds keep one order from blocking all",
        "simplify or divide the annotations",
    ),
    ("label.light_not_finite", ERROR, "one such number makes every normal NaN", "measure the light again"),
    (
        "label.normals_proposed",
        WARNING,
        "a network learns the solver's errors, and its figures are distances from the solver, not from the truth",
        "evaluate on objects whose normals somebody measured",
    ),
    (
        "label.normals_unreadable",
        ERROR,
        "what it says is lost",
        "save it as normals.npy of 32-bit floats, or as a colour picture",
    ),
    (
        "label.depth_unreadable",
        ERROR,
        "what it says is lost",
        "save it as depth.npy of 32-bit floats, micrometres, and a pixel's length in micrometres in pixel_pitch.txt",
    ),
    (
        "label.cameras_unreadable",
        ERROR,
        "depths of several views follow from where the cameras stood, and from nothing else",
        "write cameras.json with K, R, t (world to camera, micrometres), size, depth_range and distortion 0 of each "
        "folder of views, or give DiLiGenT-MV's Calib_Results.mat or MVSNet's cams/ as they are",
    ),
    (
        "label.reflectance_unreadable",
        ERROR,
        "what it says is lost",
        "save albedo.npy as height x width (x 3), roughness.npy and f0.npy as height x width of 32-bit floats",
    ),
    ("image.empty_file", ERROR, "there is no picture in it", REPLACE_FILE),
    ("image.not_an_image", ERROR, "there is no picture in it", REPLACE_FILE),
    ("image.unsupported", ERROR, "it cannot be decoded for training", "convert it to JPEG or PNG"),
    ("image.truncated", ERROR, "its lower part is missing under the annotations", "upload the file again, whole"),
    ("image.corrupt", ERROR, "it cannot be decoded for training", REPLACE_FILE),
    ("image.too_many_pixels", ERROR, "decoding it would exhaust memory (a decompression bomb)", "export it smaller"),
    ("image.file_too_large", ERROR, "the reader's bounds keep one order from blocking all", "export it smaller"),
    ("image.lfs_pointer", ERROR, "the picture itself was never checked out", "run `git lfs pull` before the upload"),
    ("image.several_pictures", INFO, "programs differ in which picture they read", "export plain JPEG"),
)

_FAMILIES = {
    "label.unused_category": Family.BALANCE,
    "format.yolo.image_without_label": Family.COVERAGE,
    "format.masks.image_without_mask": Family.COVERAGE,
    "format.csv.label_missing": Family.COVERAGE,
    "label.empty_mask": Family.COVERAGE,
}

_CHECKS: dict[str, Check] = {
    "format.class_name_duplicate": repeated_class_names,
    "label.unknown_category": unknown_classes,
    "label.empty_box": degenerate_boxes,
    "label.short_polygon": short_polygons,
    "label.unused_category": unused_classes,
    "label.invalid_rle": faulty_rles,
    "label.not_finite": numbers_not_finite,
    "image.several_pictures": multi_picture_images,
}


def _family(code: str) -> Family:
    return _FAMILIES.get(code, Family.LABELS if code.startswith("label.") else Family.FORMAT)


RULES = tuple(
    Rule(
        id=code, family=_family(code), severity=severity, finds=CODES[code], why=why, mend=mend, check=_CHECKS.get(code)
    )
    for code, severity, why, mend in _ROWS
)
