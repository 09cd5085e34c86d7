"""An artefact that is not made."""


class Refused(Exception):
    """This artefact cannot be made: `code` and `message` of the answer."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
