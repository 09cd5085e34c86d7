"""Lineage as trees for a terminal: datasets, the runs on them, what each wrote and the model that came of it."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby

from rich.markup import escape
from rich.tree import Tree

from services.cli.output.lineage import Traced

_DIGEST_CHARS = 12
_FITNESS = {"true": " · fit for use", "false": " · [red]not fit for use[/red]", "": ""}


def trees(runs: Sequence[Traced]) -> Iterator[Tree]:
    """One for each content of a dataset, in the order of names."""

    def by(run: Traced) -> tuple[str, str]:
        return run.dataset, run.dataset_digest

    for (dataset, digest), members in groupby(sorted(runs, key=by), key=by):
        tree = Tree(f"dataset [bold]{escape(dataset)}[/bold]{_digest(digest)}")
        for run in sorted(members, key=lambda run: run.started_at):
            changed = " with changes" if run.git_dirty else ""
            commit = f" · code {escape(run.git_commit[:_DIGEST_CHARS])}{changed}" if run.git_commit else ""
            node = tree.add(f"run [bold]{escape(run.run_id)}[/bold] · {escape(run.job)} · {run.status}{commit}")
            _add(node, run.of_training)
            if run.model:
                model = node.add(
                    f"model [bold]{escape(run.model)}[/bold]{_aliases(run)}{_FITNESS.get(run.fit_for_use, '')}"
                )
                _add(model, run.of_model)
        yield tree


def _add(node: Tree, artifacts: Iterable[tuple[str, tuple[str, str]]]) -> None:
    for name, (uri, sha256) in artifacts:
        node.add(f"{escape(name)} {escape(uri)}{_digest(sha256)}")


def _aliases(run: Traced) -> str:
    return f" · [bold green]{', '.join(run.aliases)}[/bold green]" if run.aliases else ""


def _digest(sha256: str) -> str:
    return f" · sha256 {sha256[:_DIGEST_CHARS]}" if sha256 else ""
