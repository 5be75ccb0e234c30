"""`metarisk topology show | summary | diff`: draw a circuit, count a graph, compare two."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from metarisk.cli.options import DataRoot, Overwrite

Source = Annotated[
    str, typer.Argument(help="`curated`, a saved topology, or a folder with edges.tsv.gz.", metavar="SOURCE")
]
topology = typer.Typer(
    help="Look at a topology, or compare two.", no_args_is_help=True, rich_markup_mode=None
)


@topology.command()
def show(
    circuit: Annotated[str, typer.Argument(help="Pathway id, e.g. emt_core.", metavar="CIRCUIT")],
    out: Annotated[
        Path | None, typer.Option(help="PNG, SVG or PDF to write; <circuit>.png if left out.")
    ] = None,
    source: Annotated[str, typer.Option(help="`curated`, a saved topology, or a tidy folder.")] = "curated",
    overlay: Annotated[
        Path | None,
        typer.Option(help="Colour genes: a TSV of gene and number, or a study (how often it alters them)."),
    ] = None,
    data_root: DataRoot = None,
    overwrite: Overwrite = False,
) -> None:
    """Draw a circuit: arrows raise, bars lower, lines say the type of the edge."""
    from metarisk.cli.show import show_facts
    from metarisk.jobs.circuit import draw

    file = draw(
        circuit,
        out or Path(f"{circuit}.png"),
        source=source,
        overlay=overlay,
        data_root=data_root,
        overwrite=overwrite,
    )
    show_facts({"figure": file})


@topology.command()
def summary(source: Source = "curated") -> None:
    """Count genes, edges by relation and sign, and pathways; name the licences and the hash."""
    from metarisk.cli.show import show_facts
    from metarisk.pathways.source import find_topology
    from metarisk.pathways.topology import RELATIONS

    graph = find_topology(source)
    relations = {
        name: int((graph.relation == at).sum()) for at, name in enumerate(RELATIONS) if at in graph.relation
    }
    raising, lowering, unknown = ((graph.sign == sign).sum() for sign in (1, -1, 0))
    show_facts(
        {
            "topology": graph.name,
            "genes": graph.n_genes,
            "edges": graph.n_edges,
            **{f"  {name}": count for name, count in relations.items()},
            "signs": f"{raising} +, {lowering} -, {unknown} unknown",
            "pathways": graph.n_pathways,
            "memberships": len(graph.member_gene),
            "licences": "; ".join(graph.licences),
            "sha256": graph.sha256,
        }
    )


@topology.command()
def diff(
    before: Source,
    after: Annotated[str, typer.Argument(help="The other, named in the same way.", metavar="SOURCE")],
    full: Annotated[bool, typer.Option("--full", help="List every change, not only the counts.")] = False,
) -> None:
    """Count what the second topology adds to, and takes from, the first."""
    from metarisk.cli.show import show_facts
    from metarisk.pathways.diff import diff as compare
    from metarisk.pathways.source import find_topology

    changes = compare(find_topology(before), find_topology(after))
    if full or changes.same:
        typer.echo("\n".join(changes.lines()))
        return
    show_facts({kind.replace("_", " "): count for kind, count in changes.counts().items()})
