"""Writes commands.md, networks.md, attacks.md and defences.md from the program itself: `make docs`.

Tables and signatures are read, never the rendered help, so that the pages depend neither on the
width of a terminal nor on the version of a library. tests/test_docs.py holds them up to date.
"""

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from textwrap import fill
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from typer.main import get_command

from pasunchat.__main__ import DONE, INTERRUPTED, MISUSED
from pasunchat.attacks import ATTACKS
from pasunchat.classifiers.build import build
from pasunchat.classifiers.networks import NETWORKS
from pasunchat.classifiers.summary import describe
from pasunchat.commands import ABOUT, COMMANDS, application
from pasunchat.norms import NORMS
from pasunchat.training.defences import DEFENCES, USUAL

HERE = Path(__file__).parent
NOTICE = "<!-- Written by docs/generate.py (make docs). Change the program, not this page. -->"
SIZE, CLASSES = 224, ("cat", "dog")
KINDS = {str: "text", int: "whole number", float: "number", Path: "path", bool: ""}

WHICH_ATTACK = """
For the least change name none: `turning` (L2) and `least-levels` (LINF) take some 8 to 40
gradients a photo, seconds on two cores, and are at the state of the art where they were measured:
on 8 bits as near as or nearer than DDN and APGD with 100 to 1,000 gradients, in float 0.4 % behind
DDN's 1,000 with 40. `sparse` (L1, L0, PIXELS) is ahead of its peers in L0 and PIXELS and level
with them in L1; on the default classifier `sigma-zero` can be nearer: there take `portfolio`, which
runs several attacks and keeps the nearest result (150 to 300 gradients). How robust a classifier
is inside a radius: `standard`. Without gradients: `square`, `hop-skip-jump`. For changes that fool
other networks too: `dim`, `sim`, `admix`, `vmi-fgsm`. Ours are derived in [methods.md](methods.md).
""".strip()


WHICH_DEFENCE = """
A defence is a training that begins from a trained run and learns from changed photos:

```sh
pasunchat train photos/ --network simple --recipe strong --name plain
pasunchat train photos/ --start plain --defend linf:1/255 --name hard
pasunchat attack hard --data photos/ --attack standard --norm linf --radius 1/255
```

- **Against attacks**: `--defend linf:1/255` (no value changed by more than one level of 255) or
  `l2:0.5`. `--defend auto` measures the distance at which attacks fool the run that it begins from,
  in the middle of 100 validation photos, and takes that (`linf:2x`: twice that, `l2:1x`: in L2);
  a radius far above it costs more clean accuracy than it gains.
- **For bounds that prove more** (`certify`): `--defend linf:1/255:mtl-ibp`, of networks of a few
  layers (`simple`, `dense`). Of few photos ten epochs are too few steps:
  `--epochs 30 --set steps_per_epoch=60`.
- **For answers that can be proved by votes** (`smoothed:`): `--defend noise:0.25`.
- **A frozen base** (`efficientnet-lite0`, `vgg16`) is not defended by training its head: it is
  refused. `smoothed:MODEL,sigma=0.25` and `masked:MODEL,area=0.02` need no training;
  `--unfreeze all` trains the base too.
- **From untrained weights** `simple` stays at chance, so `--start` is needed.

Without `--recipe` it is `defended`: ten epochs at a low rate, the strong augmentation of which four
copies of each photo are kept on disk meanwhile, no mixup, no smoothed labels. The radius grows over
the first half. Unequal classes always count alike.

After each epoch 256 validation photos are attacked by four steps of PGD at the full radius (or
answered under noise), each class counting alike, and the weights of the best epoch are kept (of
`mtl-ibp`, of the best at the full radius: bounds narrow on, which attacks do not see). That is for
choosing only: how robust the network is, `pasunchat attack --attack standard` says, which
training knows nothing of. Two ends are failures, said in a sentence and by exit status 1:

- *every photo gets the same answer*: the radius is too large for this network, or grew too fast;
- *one step is withstood and four are not* (catastrophic overfitting): retry with
  `--defend linf:1/255:pgd:steps=2`.
""".strip()


def pages() -> dict[str, str]:
    """The text of each generated page, by its name."""
    made = {
        "commands.md": _commands(),
        "networks.md": _networks(),
        "attacks.md": _attacks(),
        "defences.md": _defences(),
    }
    return {name: "\n".join((NOTICE, *lines, "")) for name, lines in made.items()}


def _commands() -> Iterator[str]:
    group: Any = get_command(application())
    yield from ("# Commands", "", fill(ABOUT, 100), "")
    yield f"Exit status: {DONE} done; 1 done, and the answer is no (not fooled, no photo, does not"
    yield f"verify); {MISUSED} misuse or failure, in one line on stderr; {INTERRUPTED} interrupted."
    yield "Results go to stdout, progress to stderr, and no progress is shown when it is piped."
    yield "Every command takes `--help`."
    yield from ("", "Before the command:", "")
    own = [part for part in group.params if "completion" not in part.name]
    yield from _table(
        ("option", "what it does"), [(_spelled(part), part.help or "") for part in own]
    )
    for name in COMMANDS:
        yield from _command(name, group.commands[name])


def _command(name: str, command: Any) -> Iterator[str]:
    hints = get_type_hints(COMMANDS[name].run, include_extras=True)
    arguments = [part for part in command.params if part.param_type_name == "argument"]
    options = [part for part in command.params if part.param_type_name == "option"]
    usage = " ".join(["pasunchat", name, *map(_as_used, arguments), *_needed(options), "[OPTIONS]"])
    yield from ("", f"## pasunchat {name}", "", inspect.getdoc(COMMANDS[name].run) or "")
    yield from ("", "```", usage, "```", "")
    if arguments:
        yield from _table(
            ("argument", "what it is"), [(f"`{_as_used(part)}`", part.help) for part in arguments]
        )
        yield ""
    yield from _table(
        ("option", "takes", "default", "what it is"),
        [(_spelled(part), _kind(hints[part.name]), _default(part), part.help) for part in options],
    )
    yield from ("", "Examples:", "", "```sh", *COMMANDS[name].examples, "```")


def _as_used(argument: Any) -> str:
    word = (argument.metavar or argument.name).upper() + ("..." if argument.nargs == -1 else "")
    return word if argument.required else f"[{word}]"


def _needed(options: Sequence[Any]) -> list[str]:
    return [f"{part.opts[0]} {part.name.upper()}" for part in options if part.required]


def _spelled(option: Any) -> str:
    return ", ".join(f"`{word}`" for word in (*option.opts, *option.secondary_opts))


def _default(option: Any) -> str:
    value = option.default
    if option.required:
        return "(needed)"
    if value is None or value is False or value == []:
        return ""
    if value is True:
        return f"`{option.opts[0]}`"
    return f"`{' '.join(map(str, value)) if isinstance(value, tuple) else value}`"


def _kind(hint: Any) -> str:
    """What an option takes, in words."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _kind(inner[0])
    if origin in (Union, UnionType):
        return _kind(next(part for part in inner if part is not NoneType))
    if origin is list:
        return f"{_kind(inner[0])}, may be given again"
    if origin is tuple:
        return f"{len(inner)} {_kind(inner[0])}s"
    if origin is Literal:
        return ", ".join(f"`{word}`" for word in inner)
    return KINDS[hint]


def _networks() -> Iterator[str]:
    yield from ("# Networks", "")
    yield "Named by `--network`, with settings as in `dense:units=32`."
    yield f"Parameters are for pictures of {SIZE} x {SIZE} pixels and {len(CLASSES)} classes;"
    yield "`pasunchat summary NETWORK` shows them layer by layer. Usual side: of the pictures that"
    yield "`train` makes of photos, in pixels, unless `--size` says otherwise."
    yield ""
    rows = []
    for name, network in NETWORKS.items():
        parameters = describe(build(name, classes=CLASSES, size=SIZE, seed=None)).parameters
        facts = (_settings(network), f"{network.size}", f"{parameters:,}")
        rows.append((f"`{name}`", network.about, *facts))
    yield from _table(("name", "what it is", "settings", "usual side", "parameters"), rows)


def _attacks() -> Iterator[str]:
    yield from ("# Attacks", "")
    yield WHICH_ATTACK
    yield ""
    yield "Named by `--attack`, with settings as in `learned-noise:const=0.01`. Signs that a result"
    yield "says less than it seems: [warnings.md](warnings.md)."
    yield ""
    yield from _table(
        ("`--norm`", "what is made small", "attack by default"),
        [(f"`{name}`", norm.about, f"`{norm.nearest}`") for name, norm in NORMS.items()],
    )
    yield ""
    yield from _table(
        ("attack", "what it does", "aim", "norms", "needs"),
        [
            (
                f"[`{name}`](#{name})",
                attack.info.about,
                " or ".join(attack.info.aims),
                ", ".join(attack.info.norms),
                attack.info.needs,
            )
            for name, attack in ATTACKS.items()
        ],
    )
    yield from ("", "Aims: `nearest`, the least change; `within`, any change inside `--radius`.")
    yield "Needs: gradients, scores (logits), or labels (answers) alone."
    for name, attack in ATTACKS.items():
        info = attack.info
        yield from ("", f"## {name}", "", f"{_sentence(info.about)} {_sentence(info.paper)}", "")
        yield f"- When: {info.when}."
        yield f"- Cost: {info.cost}."
        meanings = setting_comments(type(attack))
        for field in fields(attack):
            value = getattr(attack, field.name)
            yield f"- `{field.name}={value}`: {meanings[field.name].rstrip('.')}."


def _defences() -> Iterator[str]:
    yield from ("# Defences", "")
    yield WHICH_DEFENCE
    yield ""
    yield "Which defence stands behind the radius, with settings as in `linf:2/255:pgd:steps=3`;"
    yield f"else {', '.join(f'`{name}` for {against}' for against, name in USUAL.items())}."
    yield ""
    rows = []
    for name, row in DEFENCES.items():
        facts = (row.info.about, ", ".join(row.info.against), row.info.cost)
        rows.append((f"[`{name}`](#{name})", *facts))
    yield from _table(("defence", "what it does", "against", "cost of a step"), rows)
    yield from ("", "Cost: in passes forward and back through the network; a plain step is one.")
    for name, row in DEFENCES.items():
        info = row.info
        yield from ("", f"## {name}", "", f"{_sentence(info.about)} {_sentence(info.paper)}", "")
        yield f"- When: {info.when}."
        yield f"- It learns from pixels {_where(info.inside, info.in_range)}."
        meanings = setting_comments(type(row))
        for field in fields(row):  # type: ignore[arg-type]
            value = getattr(row, field.name)
            yield f"- `{field.name}={value}`: {meanings[field.name].rstrip('.')}."


def _where(inside: bool, in_range: bool) -> str:
    ball = "within the radius" if inside else "that may lie outside the radius"
    return f"{ball}, {'in' if in_range else 'and outside'} [0, 1]"


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def setting_comments(kind: type) -> dict[str, str]:
    """What the comment behind or above each field of a dataclass says."""
    found: dict[str, str] = {}
    above: list[str] = []
    for line in inspect.getsource(kind).splitlines():
        code, mark, comment = line.strip().partition("# ")
        name, colon, _ = code.partition(":")
        if mark and not code:
            above.append(comment)
        elif colon and name.isidentifier():
            found[name] = " ".join([*above, comment] if mark else above)
            above = []
        else:
            above = []
    return found


def _settings(value: Any) -> str:
    """A frozen dataclass's fields with their defaults."""
    known = ((f.name, getattr(value, f.name)) for f in fields(value) if f.default is not MISSING)
    return ", ".join(f"`{name}={default}`" for name, default in known) or "none"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    for row in (headings, ["---"] * len(headings), *rows):
        yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in row)} |"


if __name__ == "__main__":
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
        print(f"wrote {HERE / name}")
