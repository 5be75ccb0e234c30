"""A small topology that every test of this storey can read at a glance."""

from __future__ import annotations

import pytest

from metarisk.pathways import Edge, Topology, assemble


@pytest.fixture
def small() -> Topology:
    """TGFB1 -> TGFBR2 -> SMAD3 -> SNAI1 -| CDH1, MIR200C -| ZEB1 -| CDH1; two circuits below one family."""
    return assemble(
        "small",
        [
            Edge("TGFB1", "TGFBR2", "ligand_receptor", 1),
            Edge("TGFBR2", "SMAD3", "phosphorylation", 1),
            Edge("SMAD3", "SNAI1", "tf_target", 1),
            Edge("SNAI1", "CDH1", "tf_target", -1),
            Edge("MIR200C", "ZEB1", "tf_target", -1),
            Edge("ZEB1", "CDH1", "tf_target", -1),
            Edge("ZEB1", "MIR200C", "tf_target", -1),
            Edge("SMAD3", "ZEB1", "binding", 0),
        ],
        [("emt", "SNAI1"), ("emt", "ZEB1"), ("emt", "CDH1"), ("tgfb", "TGFB1"), ("tgfb", "SMAD3")],
        parents=[("emt", "family:plasticity"), ("tgfb", "family:plasticity")],
        titles={"emt": "Core EMT"},
        licences=("Apache-2.0",),
    )
