"""The page about weighing the two losses, from committed rows, the benchmark and the code.

    python docs/weighting.py

The answer at its top is made by a rule from the rows of `pulsefer reproduce weighting`
(results/experiments.jsonl), what a step costs is read from results/benchmarks/, and what methods
there are from their classes. No result is typed here.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import Any

from pulsefer.experiments.budget import BudgetName
from pulsefer.experiments.weighting import UNTUNED
from pulsefer.experiments.weighting_trials import BETAS, STATIC, STL, families
from pulsefer.objectives.loss_weights import ALIASES, METHODS, LossWeights
from pulsefer.reports.figures_of_marks import EFFECTIVE, TUNED
from pulsefer.reports.findings_weighting import weighed
from pulsefer.reports.groups import Group, groups
from pulsefer.reports.protocols import MINUS, in_words
from pulsefer.reports.row import Row, read
from pulsefer.reports.sheet import p_text
from pulsefer.reports.table import number
from pulsefer.reports.words import joined

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "weighting.md"
ROWS = ROOT / "results" / "experiments.jsonl"
HOW = ROOT / "results" / "experiments.json"
COST = ROOT / "results" / "benchmarks" / "weighting_step.json"
SURE = 0.05
EMOTION, RATE = "balanced_accuracy", "hr_rmse_bpm"

HEAD = """# Which weighting should I use?

Rendered by `python docs/weighting.py` from `results/experiments.jsonl`, `results/benchmarks/` and
the classes; no result is typed by hand.

"""
HOW_TO = """
## How to

```sh
pulsefer train deap --out runs/paper                                # the paper: alpha 1, beta 0.01
pulsefer train deap --out runs/more --weights.beta 0.1              # another fixed beta
pulsefer train deap --out runs/falling --weights.beta 0.1 --weights.schedule linear
pulsefer train deap --out runs/gls --weights.method gls             # nothing to set
pulsefer train deap --out runs/pcd --weights.method pcd --weights.tau 0.1
pulsefer train deap --out runs/mgda --weights.method torchjd:MGDA   # needs pulsefer[torchjd]
pulsefer reproduce weighting --store deap --budget paper            # all of this page, on your data
```

`--hr-start train_mean` begins the heart-rate head at the mean of the training side instead of near
0, where it is some 80 bpm wrong and pushes that through the shared layers first; do that before you
tune anything.

In a loop of your own, without the rest of this package:

```python
import torch

from pulsefer.objectives.loss_weights import LossWeights, build

network = torch.nn.Linear(4, 2)
weighting = build(LossWeights(method="uw"))
adam = torch.optim.Adam([{"params": network.parameters()}, *weighting.param_groups()])
for epoch in range(3):
    weighting.begin_epoch(epoch, 3)
    emotion, rate = network(torch.randn(8, 4)).unbind(1)
    losses = torch.stack([emotion.square().mean(), (rate - 70).square().mean().sqrt()])
    adam.zero_grad()
    weighting(losses).backward()
    adam.step()
```

Methods that look at gradients take a 2x2 Gramian instead, as TorchJD's do:
`objectives.weighting.gramian`.

To add one: a class in a file of `objectives/` with its formula, a line in `METHODS`, fields of
`LossWeights` for its options.
"""
EVIDENCE = """
## The evidence: {data}

Every line is a way of looking for a setting, each with as many trials: for every fold and seed, the
one with the least cross-entropy on held-out persons; the test side is asked once.

| weighting | tuned | static less this | p | as it comes | heart-rate RMSE | effective beta | cost |
|---|---|---|---:|---|---|---|---:|
{lines}

*Tuned*: balanced accuracy by trial with its 95 % interval. *Static less this*: tuned static minus
this one, paired over persons and networks, with p by Holm over all lines. *As it comes*: the
method's defaults, tuned by nobody. *Heart-rate RMSE*: none where beta 0 was chosen for one of the
networks, which then has no such head; along beta it is in the figure. *Effective beta*: the static
beta that would have given the heart rate as much, geometric mean over the chosen networks. *Cost*:
a step over a plain one ([benchmarks.md](benchmarks.md)).

![Along beta, with the methods marked](experiments/weighting-{slug}-1.svg)

The figure's letters, what is found along the curves, and every figure as a table:
[experiments.md](experiments.md#weighting).

{findings}"""
METHODS_HEAD = """
## What there is

The formula of each stands in its class, `src/pulsefer/objectives/`. Beside these, `torchjd:CLASS`
is any weighting of TorchJD that keeps nothing that its checkpoints lack.

| method (also known as) | what it is | looks at | alpha and beta | options | cost of a step |
|---|---|---|---|---|---:|
"""
UNRESOLVED = """
## What these data cannot resolve

- **Differences below some {points} points.** That is the median half width of the {n} intervals of
  differences above. A method that is better by less looks like one that is not.
- **Which setting.** Trials were chosen on few held-out persons, in {folds} folds with {n_seeds}
  seeds: another draw chooses others. What is compared is the whole procedure, choice included.
{ends}- **Long trainings.** There were {epochs} epochs in batches of {batch}; methods that need time
  to find their weights (`uw`) or many epochs (`dwa`) had little.
- **Real faces**, two dimensions, the paper's batch of 64 and other people's data sets:
  `--budget paper` asks those.
"""
QUESTIONS = """
## What people ask

**My total loss is negative.** With `uw` that is no fault: half a log-variance is below 0 where a
loss is below 1. Epochs are chosen by the emotion's own loss, never by the total.

**Beta does nothing with `gls`, `pcd` or `uw`.** It cancels, so these refuse it.

**`dwa` does not fix the scale of bpm.** It moves weights by a few percent of their ratio; alpha and
beta come first, and still decide.

**Adam makes scale irrelevant anyway.** Of the total, yes; of one loss against the other on the
shared layers, no. The heart-rate head sees only its own loss, and learns as fast by any beta.

**Which gradients are compared?** Those of the recurrent layer and of what is behind it
(`--weights.on recurrent`), nine tenths of the shared weights; `trunk` takes the CNN in, `feature`
compares at the 16 shared features.

**Several processes?** Loss methods and `--weights.on feature`. The others are refused, because each
process would go its own way without a word. What is weighed is always the loss of the joined batch.

**The weights that were applied?** Of every epoch in `history.csv` and in TensorBoard, whatever the
method: both raw losses, both weights, the effective beta, the lengths of both gradients on all
shared layers, their ratio and their cosine.

**Half of my windows have no heart rate.** A batch without any goes down the emotion's loss alone,
and what learns of heart rates only rests.
"""


def page(rows: Sequence[Row], how: Mapping[str, Any], cost: Mapping[str, Any]) -> str:
    """The whole page."""
    own = [row for row in rows if row.experiment == "weighting"]
    parts = [HEAD]
    for group in groups(own):
        settings = how["weighting"]
        parts += [_answer(group, settings["budget"]), _evidence(group, cost), _heart(group),
                  _unresolved(group, settings)]  # fmt: skip
    return "".join([*parts, _methods(cost), HOW_TO, QUESTIONS])


def _answer(group: Group, budget: BudgetName) -> str:
    differences = _differences(group, EMOTION)
    moving = [family.name for family in families(budget) if family.moves]
    against = {name: differences[name] for name in moving if name in differences}
    better = [name for name, row in against.items() if row.p < SURE and row.value < 0]
    worse = [name for name, row in against.items() if row.p < SURE and row.value > 0]
    n_trials = len(BETAS[budget])
    tuned = _one(group, STATIC + TUNED, EMOTION)
    if better:
        text = f"**{joined(better)}**: shown to read the emotion better than a static beta that "
    else:
        text = (
            f"**A fixed beta, looked for.** Train with {n_trials} of them ("
            f"{', '.join(f'{beta:g}' for beta in BETAS[budget])}) and take the one with the least "
            f"cross-entropy on persons held out. None of {len(against)} other ways is shown to be "
            "better than that "
        )
    text += (
        f"with as many trials: {_interval(tuned)} balanced accuracy of {tuned.dimension} "
        f"{in_words(tuned.protocol)}."
    )
    if worse:
        text += f" Shown to be worse: {joined(worse)}."
    untuned = {
        name: row for name in [STATIC, *moving, STL]
        if (row := _one(group, name + UNTUNED, EMOTION))
    }  # fmt: skip
    if untuned:
        first = max(untuned, key=lambda name: untuned[name].value)
        paper = untuned.get(STATIC)
        text += (
            f" Of the defaults, for who trains once and tunes nothing, `{first}` came highest, "
            f"{_interval(untuned[first])}"
        )
        if paper and first != STATIC:
            apart = untuned[first].low > paper.high
            text += f", the paper's beta of 0.01 at {_interval(paper)}" + (
                "" if apart else "; their intervals overlap"
            )
        text += "."
    return (
        f"{text}\n\n**This is of {group.data_kind} data**: {tuned.n} trials of {tuned.n_subjects} "
        f"persons who do not exist, “{group.dataset}”, in which the heart follows what is felt. It "
        "says how to ask the question. Ask it again of yours.\n"
        if group.synthetic
        else f"{text}\n\nOf {tuned.n} trials of {tuned.n_subjects} persons, {group.dataset}.\n"
    )


def _evidence(group: Group, cost: Mapping[str, Any]) -> str:
    """One line for each family."""
    emotion = _differences(group, EMOTION)
    names = [
        row.system.removesuffix(TUNED) for row in group.rows
        if row.metric == EMOTION and row.system.endswith(TUNED) and MINUS not in row.system
    ]  # fmt: skip
    lines = []
    for name in names:
        score, error = (_one(group, name + TUNED, metric) for metric in (EMOTION, RATE))
        untuned, beta = _one(group, name + UNTUNED, EMOTION), _one(group, name + TUNED, EFFECTIVE)
        apart = emotion.get(name)
        lines.append(
            f"| {name} | {_interval(score)} | {_interval(apart)} | "
            f"{p_text(apart.p) if apart else '–'} | {_interval(untuned)} | {_interval(error)} | "
            f"{_interval(beta)} | {_cost(name, cost)} |"
        )
    slug = "-".join(word for word in group.dataset.replace("(", " ").replace(")", " ").split())
    kind = "**synthetic**" if group.synthetic else "real"
    return EVIDENCE.format(
        data=f"{group.dataset} ({kind})",
        lines="\n".join(lines),
        slug=slug,
        findings="".join(f"- {sentence}\n" for sentence in weighed(group.rows)),
    )


def _heart(group: Group) -> str:
    """The heart rate, or any second task, or another dropout?"""
    differences = _differences(group, EMOTION)
    asked = {
        name: row for name, row in differences.items()
        if name == STL or (name.startswith(f"{STATIC}, ") and name != "static, falling")
    }  # fmt: skip
    lines = [
        f"- {_said(name)}: {_interval(row)}, p = {p_text(row.p)}: "
        + ("a difference" if row.p < SURE else "no difference is shown") + ".\n"
        for name, row in asked.items()
    ]  # fmt: skip
    return (
        "\n## Is it the heart rate?\n\nThe tuned static beta minus the same with something else in "
        f"the heart rate's place, in balanced accuracy:\n\n{''.join(lines)}"
    )


def _said(name: str) -> str:
    from pulsefer.samples.placebo import MEANING

    if name == STL:
        return "no second task, learning rate and dropout tuned with as many trials"
    target: Any = name.removeprefix(f"{STATIC}, ")
    return f"a head that is taught {MEANING[target]}"


def _ends(group: Group) -> str:
    """Whether the curve is still at its best where it ends."""
    curve = {row.x: row.value for row in group.rows
             if (row.system, row.metric, row.x_name) == (STATIC, EMOTION, "beta")}  # fmt: skip
    best = max(curve, key=lambda beta: curve[beta])
    if best < max(curve):
        return ""
    return (
        f"- **Where the curve ends.** Accuracy is highest at beta {best:g}, the largest that was "
        "tried. A method that gives the heart rate more weight than that is beyond the curve, not "
        "above it.\n"
    )


def _unresolved(group: Group, settings: Mapping[str, Any]) -> str:
    rows = list(_differences(group, EMOTION).values())
    half = [(row.high - row.low) / 2 for row in rows if not math.isnan(row.low)]
    data = settings["data"][group.dataset]
    return UNRESOLVED.format(
        points=f"{100 * median(half):.0f}",
        n=len(half),
        folds=_list(data["folds"]),
        n_seeds=len(data["seeds"]),
        epochs=_list(data["epochs"]),
        batch=_list(data["batch_size"]),
        ends=_ends(group),
    )


def _methods(cost: Mapping[str, Any]) -> str:
    """What there is, from the classes."""
    lines = []
    for name, made_of in METHODS.items():
        weights = LossWeights(method=name)
        options = ", ".join(f"`{one}`" for one in weights.options) or "–"
        others = [alias for alias, own in ALIASES.items() if own == name]
        also = f" ({', '.join(others)})" if others else ""
        what = (inspect.getdoc(made_of) or "").splitlines()[0].rstrip(".:")
        looks = "gradients" if weights.on_gradients else "losses"
        base = "yes" if made_of.takes_base else "they cancel"
        lines.append(
            f"| `{name}`{also} | {what} | {looks} | {base} | {options} | {_cost(name, cost)} |"
        )
    return METHODS_HEAD + "\n".join(lines) + "\n"


def _cost(name: str, cost: Mapping[str, Any]) -> str:
    base = {"static, falling": STATIC}.get(name, name)
    found = cost["methods"].get(base)
    return f"{found['over_plain']:.2f}" if found else "–"


def _differences(group: Group, metric: str) -> dict[str, Row]:
    """Tuned static minus each other, by the other's name."""
    found = {}
    for row in group.rows:
        left, minus, right = row.system.partition(MINUS)
        if minus and row.metric == f"difference_{metric}" and left.strip() == STATIC + TUNED:
            found[right.strip().removesuffix(TUNED)] = row
    return found


def _one(group: Group, system: str, metric: str) -> Row | None:
    found = [row for row in group.rows if (row.system, row.metric) == (system, metric)]
    return found[0] if found else None


def _interval(row: Row | None) -> str:
    if row is None:
        return "–"
    ends = f"{number(row, row.low, bare=True)} to {number(row, row.high, bare=True)}"
    return number(row, row.value) + ("" if math.isnan(row.low) else f" [{ends}]")


def _list(values: Sequence[object]) -> str:
    return joined([f"{value:g}" if isinstance(value, float) else str(value) for value in values])


if __name__ == "__main__":
    how = json.loads(HOW.read_text("utf-8"))
    PAGE.write_text(page(read(ROWS), how, json.loads(COST.read_text("utf-8"))), "utf-8")
