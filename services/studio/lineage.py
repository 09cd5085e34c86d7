"""What came of what, as a graph: versions of datasets, runs, and versions of models. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote

MOST_RUNS: Final = 60
Experiment = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, slots=True)
class Node:
    """`kind`: "dataset", "run" or "model", which is its column. `about`: lines beneath its title."""

    id: str
    kind: str
    title: str
    about: tuple[str, ...]
    href: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """`edges` lead from what was there before to what came of it, by ids. `left_out`: runs that were too many."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0


def related(experiments: Iterable[Experiment], reference: str) -> list[Experiment]:
    """Runs that a run id, dataset, dataset/version, model, model/version, address or SHA-256 names; all without one."""
    return [each for each in experiments if not reference or reference in _names(each)]


def _names(each: Experiment) -> frozenset[str]:
    named = {each["run_id"], each["dataset_id"], f"{each['dataset_id']}/{each['dataset_version']}"}
    named |= {each["dataset_digest"], each["model_id"], f"{each['model_id']}/{each['model_version']}"}
    for artifact in each["artifacts"]:
        named |= {artifact["uri"], artifact["sha256"]}
    return frozenset(named - {"", "/"})


def graph_of(experiments: Iterable[Experiment]) -> Graph:
    """Of at most MOST_RUNS runs, the first given."""
    found = list(experiments)
    graph = Graph(left_out=max(0, len(found) - MOST_RUNS))
    for each in found[:MOST_RUNS]:
        changed = " with changes" if each["git_dirty"] else ""
        commit = f"code {each['git_commit'][:12]}{changed}" if each["git_commit"] else ""
        row = " · ".join(filter(None, each["row"])).replace("_", " ")
        run = _put(graph, "run", each["run_id"], (each["status"], row, commit), f"/runs/{quote(each['run_id'])}")
        if each["dataset_id"]:
            digest = each["dataset_digest"]
            about: tuple[str, ...] = (f"SHA-256 {digest[:12]}…" if digest else "",)
            name, href = f"{each['dataset_id']}/{each['dataset_version']}", f"/datasets/{quote(each['dataset_id'])}"
            graph.edges.append((_put(graph, "dataset", name, about, href), run))
        if each["model_id"]:
            fit = {"true": "fit for use", "false": "not fit for use"}.get(each["fit_for_use"], "")
            about = (", ".join(each["aliases"]), fit, f"{len(each['artifacts'])} files on record")
            graph.edges.append(
                (run, _put(graph, "model", f"{each['model_id']}/{each['model_version']}", about, "/models"))
            )
    return graph


def _put(graph: Graph, kind: str, title: str, about: tuple[str, ...], href: str) -> str:
    """The node's id; one that is there already stays."""
    node = Node(id=f"{kind} {title}", kind=kind, title=title, about=tuple(filter(None, about)), href=href)
    graph.nodes.setdefault(node.id, node)
    return node.id
