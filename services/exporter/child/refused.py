"""An artefact that is not made."""


class ExportRefused(Exception):
    """This artefact cannot be made: `code` and `message` of the answer; `report` is a report's file name, or empty."""

    def __init__(self, code: str, message: str, *, report: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.report = report
