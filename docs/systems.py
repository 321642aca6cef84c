"""The page of the compared systems, from the tables of the experiments and the registry.

    python docs/systems.py

What is printed of the paper is what `experiments.published` holds; nothing is typed here.
"""

from __future__ import annotations

import inspect
import math
from pathlib import Path

from pulsefer.baselines.registry import SYSTEMS, SystemConfig
from pulsefer.experiments import table1, table2
from pulsefer.experiments.compared import Line, Table
from pulsefer.experiments.published import NONE
from pulsefer.reports.methods_compared import REFERENCES

PAGE = Path(__file__).with_name("systems.md")
HEAD = """# The systems that the paper compares with

Rendered by `python docs/systems.py`. Each is a class behind one interface (`core.bundle.System`),
in `pulsefer/baselines/`. They are **readings, not reproductions**: of most only an abstract or a
title could be read, and what it does not say is a `Choice:` in the class
([choices.md](choices.md)). The harness owns windows, folds, labels, aggregation and scores; a
system sees samples without names.

The published accuracies are the paper's column, each obtained by its own authors under its own
protocol. They are no ranking, and none of ours is meant to reach them. What ours reach on
specimens: [experiments.md](experiments.md). What they cost: [benchmarks.md](benchmarks.md).

"""
COLUMNS = (
    "system", "from", "looks at", "one sample is", "read from", "published, DEAP (V / A)",
    "published, MAHNOB-HCI (V / A)", "obtained under",
)  # fmt: skip
TAIL = """
`code`: the original's code could be read; `abstract`, `title`: no more than that.

## To run one

```sh
pulsefer reproduce table1 --store deap --budget paper     # on DEAP, the network among them
pulsefer reproduce table2 --store mahnob --budget paper   # on MAHNOB-HCI
```

One alone, or one of your own, from Python:

```python
from pathlib import Path

from pulsefer.baselines.registry import SystemConfig
from pulsefer.samples.store import open_store
from pulsefer.samples.window import window
from pulsefer.training.compared import train_system
from pulsefer.training.config import Protocol

store = open_store(Path("deap"))
run = train_system(
    store, window(store), Protocol(by="subject"), SystemConfig("r_elm"), folder=Path("runs/r_elm")
)
```

`SystemConfig("my_module:MySystem")` takes any class with `fit(bundle, labels, groups)`,
`predict_proba(bundle)`, `fitted()`, `n_parameters`, and the attributes `modality`, `unit` and
`fidelity`.

## Sources

"""


def page() -> str:
    """The whole page."""
    lines = {line.title: line for table in (table1.TABLE, table2.TABLE) for line in table.lines}
    head = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}\n"
    text = HEAD + head + "".join(_row(line) for line in lines.values() if line.key)
    named = sorted({entry.source for entry in SYSTEMS.values()})
    return text + TAIL + "".join(f"- {name}: {REFERENCES[name]}\n" for name in named)


def _row(line: Line) -> str:
    config = SystemConfig(line.key or "")
    entry = config.entry()
    system = config.make(0)
    where = Path(inspect.getfile(type(system)))
    source = f"[{line.title}](../src/pulsefer/baselines/{where.name})"
    cells = (
        source,
        entry.source,
        " + ".join(system.modality),
        system.unit + (", 3 classes" if line.n_classes == 3 else ""),
        line.fidelity,
        _published(line, table1.TABLE),
        _published(line, table2.TABLE),
        line.obtained or "–",
    )
    return f"| {' | '.join(cells)} |\n"


def _published(line: Line, table: Table) -> str:
    values = [
        table.published.get((line.title, dimension), NONE).value
        for dimension in ("valence", "arousal")
    ]
    if math.isnan(values[0]):
        return "–"
    return " / ".join(f"{100 * value:.2f} %" for value in values)


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
