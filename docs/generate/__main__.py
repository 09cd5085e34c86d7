"""`python -m docs.generate`: write every reference page anew."""

from docs.generate.pages import FOLDER, PAGES, text_of


def main() -> None:
    """Write the pages."""
    FOLDER.mkdir(exist_ok=True)
    for name in PAGES:
        (FOLDER / name).write_text(text_of(name), encoding="utf-8")


if __name__ == "__main__":
    main()
