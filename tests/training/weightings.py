"""Every way to weigh the losses, as trainings are tested with it."""

from pulsefer.objectives.loss_weights import LossWeights

METHODS = {
    "static": LossWeights(),
    "static, falling": LossWeights(schedule="cosine", warmup_epochs=1),
    "rlw": LossWeights(method="rlw"),
    "uw": LossWeights(method="uw", log_var_start="first_batch"),
    "gls": LossWeights(method="gls"),
    "dwa": LossWeights(method="dwa"),
    "gcs": LossWeights(method="gcs", beta=0.1),
    "pcgrad": LossWeights(method="pcgrad", beta=0.1),
    "pcd": LossWeights(method="pcd", tau=0.3),
    "torchjd": LossWeights(method="torchjd:AlignedMTL", beta=0.1),
    "torchjd, drawn": LossWeights(method="torchjd:Random"),
    "pcgrad on all": LossWeights(method="pcgrad", beta=0.1, on="trunk"),
    "pcd on all": LossWeights(method="pcd", tau=0.3, on="trunk"),
    "gcs on the feature": LossWeights(method="gcs", mode="cosine", on="feature"),
    "pcgrad on the feature": LossWeights(method="pcgrad", on="feature"),
    "pcd on the feature": LossWeights(method="pcd", tau=0.3, on="feature"),
}

TOGETHER = {
    name: weights
    for name, weights in METHODS.items()
    if not weights.on_gradients or weights.on == "feature"
}
"""Those that several processes can do."""
