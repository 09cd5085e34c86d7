"""Verdicts, reports and indexes in the object store."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from truscore.dataset_versions import DatasetVersion, bind_version, find_version
from truscore.files import sha256_of
from truscore.storage import ObjectMissing, Store, Stored
from truscore.validation import DatasetOrder
from truscore.validation.report.signature import Signer

from services.dataset_validator.job import INDEX, PAGE, REPORT, ReaderResult
from services.dataset_validator.verdict_record import VerdictRecord, record_from_json, record_to_json

VERDICT_LIMIT_BYTES = 4 * 2**20


@dataclass(frozen=True, kw_only=True, slots=True)
class VerdictStore:
    """Blocking: each method may take as long as the store does."""

    store: Store
    bucket: str
    signer: Signer | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def key_id(self) -> str:
        """Of the key that signs reports, "" for none."""
        return self.signer.key_id if self.signer else ""

    def _address(self, order: DatasetOrder, name: str) -> str:
        return f"s3://{self.bucket}/datasets/{order.dataset_id}/{order.version}/_truscore/{name}"

    def get(self, order: DatasetOrder, key: str) -> VerdictRecord | None:
        """The stored verdict on this very content, if all objects that it names are still there."""
        try:
            text = self.store.get(self._address(order, "verdict.json"), limit_bytes=VERDICT_LIMIT_BYTES)
        except ObjectMissing:
            return None
        record = record_from_json(text)
        if record is None or record.key != key:
            return None
        stored_objects = [stored for stored in (record.report, record.index, record.page) if stored is not None]
        return record if all(self._exists(stored) for stored in stored_objects) else None

    def _exists(self, stored: Stored) -> bool:
        entry = self.store.stat(stored.uri)
        return entry is not None and entry.size_bytes == stored.size_bytes

    def put(
        self,
        order: DatasetOrder,
        key: str,
        result: ReaderResult,
        folder: Path,
        *,
        content_digest: str,
        duration_s: float = 0.0,
    ) -> VerdictRecord:
        """Store report and index, each under its digest, and after them the verdict that names them."""
        report = self._put(order, "report", folder / REPORT)
        # Beside the report, under the report's digest: whoever has the one finds the other.
        page_uri = self._address(order, f"report-{report.sha256}.html")
        record = VerdictRecord(
            key=key,
            findings=result.findings,
            error_count=result.error_count,
            warning_count=result.warning_count,
            report=report,
            page=self.store.put_file(page_uri, folder / PAGE, content_type="text/html; charset=utf-8"),
            key_id=self.key_id,
            signature=self.signer.sign(report.sha256) if self.signer else "",
            index=self._put(order, "index", folder / INDEX) if result.dataset_digest else None,
            content_digest=content_digest,
            dataset_digest=result.dataset_digest,
            format=result.format,
            image_count=result.image_count,
            annotation_count=result.annotation_count,
            class_names=result.class_names,
            duration_s=duration_s,
        )
        self.put_record(order, record)
        return record

    def put_record(self, order: DatasetOrder, record: VerdictRecord) -> None:
        """Store a verdict for the next equal order."""
        text = record_to_json(record).encode()
        self.store.put(self._address(order, "verdict.json"), text, content_type="application/json")

    def version(self, order: DatasetOrder) -> DatasetVersion | None:
        """What is kept of the order's version. ValueError where what lies there is no record of one."""
        return find_version(self.store, self.bucket, order.dataset_id, order.version)

    def keep_version(self, order: DatasetOrder, record: VerdictRecord) -> DatasetVersion | None:
        """Keep what was said of the version: the first acceptance for good, a rejection until the next verdict.

        Returns what is kept of it, None where the verdict is on no content.
        """
        if not record.content_digest:
            return None
        return bind_version(
            self.store,
            self.bucket,
            DatasetVersion(
                dataset_id=order.dataset_id,
                version=order.version,
                digest=record.content_digest,
                accepted=record.accepted,
                image_count=record.image_count,
                validated_at=self.now(),
                uri=order.uri,
                category=order.category,
                option=order.option,
            ),
        )

    def _put(self, order: DatasetOrder, kind: str, path: Path) -> Stored:
        uri = self._address(order, f"{kind}-{sha256_of(path)}.json")
        return self.store.put_file(uri, path, content_type="application/json")
