"""What the methods paragraph says of the weighting of the two losses, from a run's run.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFERENCES = {
    "Lin et al., 2022": "B. Lin, F. Ye, Y. Zhang and I. W. Tsang, “Reasonable effectiveness of "
    "random weighting: a litmus test for multi-task learning,” Trans. Mach. Learn. Res., 2022.",
    "Kendall et al., 2018": "A. Kendall, Y. Gal and R. Cipolla, “Multi-task learning using "
    "uncertainty to weigh losses for scene geometry and semantics,” in Proc. CVPR, 2018.",
    "Liebel & Körner, 2018": "L. Liebel and M. Körner, “Auxiliary tasks in multi-task learning,” "
    "arXiv 1805.06334, 2018.",
    "Chennupati et al., 2019": "S. Chennupati, G. Sistu, S. Yogamani and S. A. Rawashdeh, "
    "“MultiNet++: multi-stream feature aggregation and geometric loss strategy for multi-task "
    "learning,” in Proc. CVPR Workshops, 2019.",
    "Liu et al., 2019": "S. Liu, E. Johns and A. J. Davison, “End-to-end multi-task learning with "
    "attention,” in Proc. CVPR, 2019.",
    "Du et al., 2018": "Y. Du, W. M. Czarnecki, S. M. Jayakumar, M. Farajtabar, R. Pascanu and "
    "B. Lakshminarayanan, “Adapting auxiliary losses using gradient similarity,” arXiv 1812.02224, "
    "2018.",
    "Yu et al., 2020": "T. Yu, S. Kumar, A. Gupta, S. Levine, K. Hausman and C. Finn, “Gradient "
    "surgery for multi-task learning,” in Proc. NeurIPS, 2020.",
    "Varam & AlHajri, 2026": "D. Varam and M. AlHajri, “Not all objectives are born equal: "
    "priority-constrained descent for hierarchical multi-objective optimization,” Trans. Mach. "
    "Learn. Res., 2026.",
    "Quinton & Rey, 2024": "P. Quinton and V. Rey, “Jacobian descent for multi-objective "
    "optimization,” arXiv 2406.16232, 2024.",
}
"""By the words that stand for them in the text."""

BASE = (
    "alpha times the binary cross-entropy of the emotion plus beta times the root mean square "
    "error of the heart rate over the batch (bpm), with alpha = {alpha:g} and beta = {beta:g}"
)
RAW = (
    "the binary cross-entropy of the emotion and the root mean square error of the heart rate over "
    "the batch (bpm)"
)
MODES = {
    "gate": "the heart rate's gradient was added only where it did not point against the emotion's",
    "cosine": "the heart rate's gradient was weighted by its cosine with the emotion's where that "
    "is positive",
    "project": "what of the heart rate's gradient points against the emotion's was taken from it",
}
SAID = {
    "rlw": "at every step both terms got random weights (Lin et al., 2022)",
    "gls": "their geometric mean was minimised (Chennupati et al., 2019)",
    "dwa": "both terms were weighted anew for every epoch by how fast they fell (Liu et al., 2019; "
    "temperature {temperature:g})",
    "gcs": "{mode} (Du et al., 2018)",
    "pcgrad": "what of the two gradients points against the other was taken from it (Yu et al., "
    "2020)",
    "pcd": "of all directions in which the heart rate makes at least {tau:.1%} of the progress "
    "that its own gradient would, the one closest to the emotion's gradient was followed, both of "
    "unit length by running means (decay {ema_decay:g}; Varam & AlHajri, 2026)",
}
OTHERWISE = "its defaults"


def loss(train: Mapping[str, Any]) -> str:
    """The sentence about the loss of a network with both heads, without its full stop."""
    # It brings PyTorch, which a report of rows alone need not wait for.
    from pulsefer.objectives.loss_weights import LossWeights

    weights = LossWeights(**train["weights"])
    method = weights.method
    if method in ("uw", "gls", "pcd"):
        text = f"The losses are {RAW}"
    else:
        text = f"The loss is {BASE.format(alpha=weights.alpha, beta=weights.beta)}"
    if method == "static":
        text += _schedule(weights)
    elif method == "uw":
        text += _uncertainty(weights)
    elif method in SAID:
        text += "; " + SAID[method].format(
            temperature=weights.temperature, mode=MODES[weights.mode], tau=weights.tau,
            ema_decay=weights.ema_decay,
        )  # fmt: skip
    else:
        text += _torchjd(weights)
    if weights.on_gradients:
        where = {
            "trunk": "of all shared layers",
            "recurrent": "of the recurrent layer and the features behind it",
            "feature": "of the 16 shared features",
        }[weights.on]  # fmt: skip
        text += f"; the gradients that were compared are those {where}"
    return text


def _schedule(weights: Any) -> str:
    text = ""
    if weights.warmup_epochs:
        text += f"; beta grew to that in the first {weights.warmup_epochs} epochs"
    if weights.schedule != "constant":
        line = {"linear": "a straight line", "cosine": "a half cosine"}[weights.schedule]
        text += f"; beta went to {weights.beta_end:g} along {line}, epoch by epoch"
    return text


def _uncertainty(weights: Any) -> str:
    form = "Kendall et al., 2018"
    if weights.uncertainty == "revised":
        form += ", with the term of Liebel & Körner, 2018"
    start = {"zero": "from equal weights", "first_batch": "from the losses of the first batch"}
    return (
        f"; their weights were learned as uncertainties ({form}), {start[weights.log_var_start]}, "
        f"with a learning rate of {weights.log_var_rate:g}"
    )


def _torchjd(weights: Any) -> str:
    name = weights.method.partition(":")[2]
    options = ", ".join(f"{key} = {value:g}" for key, value in weights.torchjd.items())
    return (
        f"; their gradients were combined by {name} of TorchJD (Quinton & Rey, 2024) with "
        f"{options or OTHERWISE}"
    )
