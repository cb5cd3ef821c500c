"""pasunchat summary: what a network is made of."""

from typing import Annotated

import typer

from pasunchat.commands.models import note_model
from pasunchat.commands.printing import print_json, say, table

EXAMPLES = ("pasunchat summary simple", "pasunchat summary runs/simple --json")


def summary(
    model: Annotated[
        str, typer.Argument(help="A run, or a network: linear, dense, dense:units=64, simple.")
    ],
    size: Annotated[
        int,
        typer.Option(min=1, help="Side of the pictures, for a network that is not trained yet."),
    ] = 224,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show a network layer by layer: shapes, parameters, multiply-adds, input pixels per unit."""
    from pasunchat.classifiers.build import build
    from pasunchat.classifiers.load import load
    from pasunchat.classifiers.networks import NETWORKS
    from pasunchat.classifiers.summary import describe

    untrained = model.partition(":")[0] in NETWORKS
    kinds = ("cat", "dog")
    found = build(model, classes=kinds, size=size, seed=None) if untrained else load(model)
    described = describe(found)
    if not untrained:
        note_model(model, found)
    if json:
        print_json(described)
        return
    each = "3 colours each" if described.channels == 3 else "turned grey"
    say(f"{described.network}: {described.size}x{described.size} pixels, {each}")
    table(
        ("layer", "kind", "output", "parameters", "multiply-adds", "input pixels per unit"),
        [
            (
                layer.name,
                layer.kind,
                "x".join(map(str, layer.shape)),
                f"{layer.parameters:,}",
                f"{layer.multiply_adds:,}",
                "x".join(map(str, layer.seen)),
            )
            for layer in described.layers
        ],
    )
    say(f"total parameters: {described.parameters:,}")
    say(f"trainable: {described.trainable:,}")
    say(f"multiply-adds for one picture: {described.multiply_adds:,}")
