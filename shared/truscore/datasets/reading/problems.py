"""What readers can find wrong. Codes are data: the validator has one rule for each, and a test counts them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

# code: what it means. `format.*` is structure, paths and files; `label.*` annotations; `image.*` pixels.
CODES: Mapping[str, str] = MappingProxyType(
    {
        "format.unrecognised": "No annotation format was recognised, or the one named is not known.",
        "format.nearest": "A format that the dataset comes near to, and what keeps it from being read so.",
        "format.empty": "The dataset holds no files, or no image that can be used.",
        "format.too_many_files": "The dataset holds more files or images than the limit.",
        "format.path_escape": "A path is absolute or climbs out of the dataset's folder.",
        "format.link_outside": "A symbolic link points out of the dataset's folder, or to nothing.",
        "format.name_not_text": "A file name is not valid Unicode; the file is left out.",
        "format.image_missing": "The annotations name an image file that is not there.",
        "format.image_ambiguous": "The annotations name an image that several files could be.",
        "format.image_unlisted": "An image file is not named by the annotations.",
        "format.duplicate_image": "The annotations describe the same image file more than once.",
        "format.size_missing": "The annotation file does not declare the size of an image.",
        "format.size_swapped": "The declared size has width and height exchanged.",
        "format.size_mismatch": "The declared size is not the image's, nor its swapped or EXIF-rotated size.",
        "format.exif_ignored": "The declared size is that of the stored pixels, before EXIF orientation.",
        "format.class_names_differ": "Class names given with the dataset are not those in its files.",
        "format.class_name_duplicate": "A class name is used twice.",
        "format.name_mismatch": "An image that is named is not there, but one is spelt almost like it.",
        "format.filename_bare": "An image is named without its file ending; the one of that name was taken.",
        "format.filename_other": "The image named is not there; the one called like its annotation file was taken.",
        "format.image_elsewhere": "An image is named by a path of another machine; the one of its name was taken.",
        "format.name_case": "An image is named in other case than its file's.",
        "format.name_encoded": "An image is named as a web address or upload has it; the file of that name was taken.",
        "format.annotations.missing": "There is no annotation file of the format.",
        "format.annotations.unreadable": "An annotation file cannot be read, or is larger than the limit.",
        "format.annotations.structure": "Part of an annotation file is not as its format has it, and was left out.",
        "format.annotations.left_out": "Part of an annotation file that says nothing of what is seen was left out.",
        "format.values_as_text": "Ids or numbers are written as text or as floats.",
        "format.exif_upright": "Declared sizes are those of stored pixels, but marks are drawn on the upright photos.",
        "format.encoding": "A text file is not UTF-8.",
        "format.several_formats": "Annotations of more than one format lie in the dataset; one of them was read.",
        "format.ambiguous": "The dataset can be read in more than one way, and nothing tells which is meant.",
        "format.derived_pictures": "Masks, previews or heat maps were left out: they are no images to train on.",
        "format.declaration": "The file truscore.json declares something that cannot be used.",
        "format.class_map": "The class map does not fit the dataset's classes.",
        "format.list_absolute": "A list of images has the paths of another machine.",
        "format.list_unresolved": "A list names images that are not in the dataset.",
        "format.parts_stated": "Lists beside the images, or annotations, say which part of a split each image is in.",
        "format.parts_unclear": "What states the parts of a split leaves images out, or contradicts itself or folders.",
        "format.link_as_text": "A file holds the path of a link as text: it was checked out without links.",
        "format.pictures_unread": "Pictures of a kind that cannot be decoded here lie among the dataset's.",
        "format.file_unknown": "Files of a kind that no reader looks at lie among the dataset's.",
        "format.grade_missing": "A word among grades means that there is none.",
        "format.grades_merged": "Several words mean one grade; they are one class.",
        "format.voc.missing": "There is no Pascal VOC annotation file.",
        "format.voc.invalid_xml": "An annotation file is not plain XML, or is larger than the limit.",
        "format.voc.structure": "An XML file is not a VOC annotation.",
        "format.labelme.missing": "There is no LabelMe file.",
        "format.labelme.invalid_json": "A JSON file cannot be read, or is larger than the limit.",
        "format.labelme.picture_inside": "An image lies only inside its LabelMe file.",
        "format.labelme.lights": "Light images of annotated cards were left out.",
        "format.folder.no_class": "An image lies in no folder that names a class.",
        "format.folder.levels": "Images lie in folders of several levels; one of them names the classes.",
        "format.csv.missing": "There is no CSV file that says something of images.",
        "format.csv.unreadable": "A CSV file is not text, not a table, or larger than the limit.",
        "format.csv.row": "A row of a CSV file has another number of fields than its header.",
        "format.csv.value": "A field of a CSV file is empty or not a number where one is expected.",
        "format.csv.label_missing": "A row of a CSV file has no label.",
        "format.csv.column_unused": "A column of a CSV file says nothing of what is on the images; it was not read.",
        "format.csv.columns_by_values": "Columns of a table were recognised by their values, not by a heading.",
        "format.csv.boxes_by_values": "A table's values, not its headings, say how its boxes are written.",
        "format.csv.boxes_undecided": "It is not known how the boxes of a table are written; they were left out.",
        "format.csv.rows_repeated": "Rows of two tables say the same of the same images.",
        "format.masks.missing": "There is no mask.",
        "format.masks.image_without_mask": "An image has no mask; it was read as having nothing marked on it.",
        "format.deeppcb.missing": "There is no DeepPCB pair with a text file.",
        "format.deeppcb.templates": "Template images of DeepPCB pairs were left out.",
        "format.multi_light.missing": "There is no image whose light a list or its own name tells.",
        "format.multi_light.unreadable": "A list of lights or of their images is not text, or larger than the limit.",
        "format.multi_light.count": "There is another number of lights than of images of an object.",
        "format.multi_light.value": "A line of a list of lights does not hold the numbers of a light.",
        "format.multi_light.no_list": "No list tells which light each image belongs to; the order of names was taken.",
        "format.coco.missing": "There is no COCO annotation file.",
        "format.coco.invalid_json": "An annotation file is not JSON, or is nested too deeply.",
        "format.coco.too_large": "An annotation file is larger than the limit.",
        "format.coco.wrapped": "The COCO object lies inside another object.",
        "format.coco.structure": "A COCO list or field is missing or has the wrong type.",
        "format.coco.no_categories": "A COCO file with annotations declares no categories.",
        "format.coco.duplicate_id": "Two entries of one COCO list have the same id.",
        "format.coco.categories_differ": "COCO files of one dataset give one category id different names.",
        "format.yolo.missing": "There is no YOLO label file.",
        "format.yolo.invalid_yaml": "The file data.yaml cannot be read.",
        "format.yolo.paths_unresolved": "Paths in data.yaml do not lead into the dataset; its folders were used.",
        "format.yolo.no_names": "No class names are given; classes are called class_0, class_1, ...",
        "format.yolo.count_mismatch": "The file data.yaml declares another number of classes than it names.",
        "format.yolo.label_unreadable": "A label file is not text, or larger than the limit.",
        "format.yolo.image_without_label": "An image has no label file; it was read as having nothing on it.",
        "format.yolo.label_without_image": "A label file has no image.",
        "format.truscore.missing": "There is no index of the system's own at the dataset's root.",
        "format.truscore.invalid": "The index at the dataset's root is none, or larger than the limit.",
        "format.truscore.image_changed": "An image is not the one that the index beside it was made of.",
        "label.malformed": "An annotation cannot be read: wrong type, wrong number of values.",
        "label.not_finite": "A coordinate is NaN, infinite or beyond any image.",
        "label.unknown_category": "An annotation has a category that is not declared.",
        "label.part_left_out": "A part of a mark has fewer than three points, and was left out.",
        "label.all_crowd": "Every mark is a crowd, which no network learns from.",
        "label.confidence": "Marks have confidences: a program made them.",
        "label.key_points": "Marks have key points, which were kept beside their boxes.",
        "label.kind_unread": "A mark of a kind that is not read was left out.",
        "label.several_annotators": "An image was annotated several times; one of the annotations was read.",
        "label.unknown_image": "An annotation belongs to an image that is not declared.",
        "label.empty_box": "A box has no area.",
        "label.short_polygon": "A polygon has fewer than three points.",
        "label.not_normalised": "A YOLO coordinate lies outside 0 to 1.",
        "label.invalid_rle": "A run-length mask does not fit its image or cannot be decoded.",
        "label.unused_category": "A declared category has no annotations.",
        "label.ignored_region": "A region that is marked to be ignored was left out.",
        "label.mask_unreadable": "A mask cannot be decoded.",
        "label.mask_size": "A mask has another size than its image, or leaves it.",
        "label.mask_values": "A mask's values look like class numbers or colours, and nothing declares what they mean.",
        "label.mask_not_binary": "A mask has more than two values and no threshold is declared; the middle was taken.",
        "label.empty_mask": "A mask marks nothing, though its image is of a class with something to mark.",
        "label.good_but_marked": "A mask marks something on an image of a class without defects.",
        "label.too_many": "An image has more annotations, or a polygon more points, than the limit.",
        "label.light_not_finite": "A light's direction or intensity is NaN or infinite.",
        "label.normals_proposed": "Normal maps are declared to be a solver's proposals; nobody measured them.",
        "label.normals_unreadable": "A normal map cannot be decoded.",
        "label.cameras_unreadable": "A file of cameras cannot be read, or says of a camera what none can be.",
        "label.depth_unreadable": "A depth map cannot be decoded, or nothing says how long its pixels are.",
        "label.reflectance_unreadable": "A map of albedo, roughness or F0 cannot be decoded.",
        "image.empty_file": "An image file has no content.",
        "image.not_an_image": "A file with an image's name is not an image.",
        "image.unsupported": "An image is of a kind that cannot be decoded here.",
        "image.truncated": "An image ends before its last pixel.",
        "image.corrupt": "An image cannot be decoded.",
        "image.too_many_pixels": "An image has more pixels than the limit.",
        "image.file_too_large": "An image file is larger than the limit.",
        "image.lfs_pointer": "The file is a Git LFS pointer, not the image.",
        "image.several_pictures": "A file holds several pictures; the first one is used.",
    }
)


TEXT_LIMIT = 300  # characters of a message, name or id that come from a dataset


def bounded_text(words: str) -> str:
    """Text out of an untrusted file, at most TEXT_LIMIT characters and valid as UTF-8."""
    cut = words if len(words) <= TEXT_LIMIT else f"{words[: TEXT_LIMIT - 3]}..."
    return cut.encode("utf-8", "backslashreplace").decode()


@dataclass(frozen=True, kw_only=True, slots=True)
class Problem:
    """One thing found while reading; reading goes on where it can."""

    code: str  # a key of CODES
    message: str
    location: str  # a file within the dataset, with "#annotation" where it is about one
    count: int = 1  # occurrences this stands for


class ProblemLog:
    """Collects problems; of each code at most `limit` one by one, the rest folded into one that counts them."""

    def __init__(self, *, limit: int) -> None:
        self._limit = limit
        self._kept: list[Problem] = []
        self._seen: Counter[str] = Counter()

    def add(self, code: str, message: str, location: str = "") -> None:
        if code not in CODES:
            raise KeyError(f"{code!r} is not in the catalogue of problems")
        self._seen[code] += 1
        if self._seen[code] <= self._limit:
            self._kept.append(Problem(code=code, message=bounded_text(message), location=bounded_text(location)))

    def count(self, *codes: str) -> int:
        """How often these were reported."""
        return sum(self._seen[code] for code in codes)

    def all(self) -> tuple[Problem, ...]:
        folded = {code: seen - self._limit for code, seen in self._seen.items() if seen > self._limit}
        rest = [
            Problem(code=code, message=f"{CODES[code]} ({count} more)", location="", count=count)
            for code, count in folded.items()
        ]
        return (*self._kept, *rest)
