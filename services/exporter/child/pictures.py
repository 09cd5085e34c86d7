"""Pictures of the proof: decoded where they are first looked at, or beside what is done meanwhile."""

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import overload

from truscore.datasets import UnreadableImage, load_image
from truscore.zoo.preprocess import preprocess

from services.exporter.child.export_target import Picture
from services.exporter.child.refused import ExportRefused


class Pictures(Sequence[Picture]):
    """Of files, each decoded once: a picture is the same array each time. One that cannot be decoded raises
    ExportRefused."""

    def __init__(self, files: Sequence[str]) -> None:
        self._files = tuple(files)
        self._decoded: dict[int, Future[Picture]] = {}
        self._worker = ThreadPoolExecutor(max_workers=1)

    def begin(self) -> None:
        """Decode all of them from here on. No process may be forked then: a thread is at work."""
        for place in range(len(self._files)):
            self._begun(place)

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, place: int) -> Picture: ...
    @overload
    def __getitem__(self, place: slice) -> Sequence[Picture]: ...
    def __getitem__(self, place: int | slice) -> Picture | Sequence[Picture]:
        if isinstance(place, slice):
            return [self[number] for number in range(*place.indices(len(self)))]
        if not -len(self) <= place < len(self):
            raise IndexError(f"picture {place}: there are {len(self)}")
        try:
            return self._begun(place % len(self)).result()
        except (UnreadableImage, OSError) as error:
            message = f"a picture of the proof cannot be read: {error}"
            raise ExportRefused("dataset_unreadable", message) from error

    def _begun(self, place: int) -> Future[Picture]:
        if place not in self._decoded:
            self._decoded[place] = self._worker.submit(_decode, self._files[place])
        return self._decoded[place]


def _decode(file: str) -> Picture:
    picture: Picture = preprocess(load_image(Path(file))).numpy()
    return picture
