"""Where verdicts, reports and indexes are kept in the object store."""

from dataclasses import dataclass
from pathlib import Path

from truscore.storage import ObjectMissing, Store, Stored
from truscore.storage.checksums import sha256_of
from truscore.validation import Order
from truscore.validation.report.signature import Signer

from services.dataset_validator.job import INDEX, PAGE, REPORT, Outcome
from services.dataset_validator.verdict_record import Judged, judged_from_json, judged_to_json

VERDICT_LIMIT_BYTES = 4 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """Synchronous; each method may take as long as the store does."""

    store: Store
    bucket: str
    signer: Signer | None = None

    @property
    def key_id(self) -> str:
        """Of the key that signs reports, "" for none."""
        return self.signer.key_id if self.signer else ""

    def _address(self, order: Order, name: str) -> str:
        return f"s3://{self.bucket}/datasets/{order.dataset_id}/{order.version}/_truscore/{name}"

    def find(self, order: Order, key: str) -> Judged | None:
        """The verdict that was reached on this very content before, if all it names is still there."""
        try:
            text = self.store.get(self._address(order, "verdict.json"), limit_bytes=VERDICT_LIMIT_BYTES)
        except ObjectMissing:
            return None
        judged = judged_from_json(text)
        if judged is None or judged.key != key:
            return None
        named = [stored for stored in (judged.report, judged.index, judged.page) if stored is not None]
        return judged if all(self._is_there(stored) for stored in named) else None

    def _is_there(self, stored: Stored) -> bool:
        entry = self.store.stat(stored.uri)
        return entry is not None and entry.size_bytes == stored.size_bytes

    def keep(self, order: Order, key: str, outcome: Outcome, folder: Path, *, duration_s: float = 0.0) -> Judged:
        """Store report and index, each under its digest, and after them the verdict that names them."""
        report = self._put(order, "report", folder / REPORT)
        # Beside the report, under the report's digest: whoever has the one finds the other.
        page_uri = self._address(order, f"report-{report.sha256}.html")
        judged = Judged(
            key=key,
            findings=outcome.findings,
            error_count=outcome.error_count,
            warning_count=outcome.warning_count,
            report=report,
            page=self.store.put_file(page_uri, folder / PAGE, content_type="text/html; charset=utf-8"),
            key_id=self.key_id,
            signature=self.signer.sign(report.sha256) if self.signer else "",
            index=self._put(order, "index", folder / INDEX) if outcome.dataset_digest else None,
            dataset_digest=outcome.dataset_digest,
            format=outcome.format,
            image_count=outcome.image_count,
            annotation_count=outcome.annotation_count,
            class_names=outcome.class_names,
            duration_s=duration_s,
        )
        self.remember(order, judged)
        return judged

    def remember(self, order: Order, judged: Judged) -> None:
        """Keep a verdict for the next equal order."""
        text = judged_to_json(judged).encode()
        self.store.put(self._address(order, "verdict.json"), text, content_type="application/json")

    def _put(self, order: Order, kind: str, path: Path) -> Stored:
        uri = self._address(order, f"{kind}-{sha256_of(path)}.json")
        return self.store.put_file(uri, path, content_type="application/json")
