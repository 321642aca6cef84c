"""The methods paragraph: every setting that decides a figure, and no reference that is not used."""

import pytest
from rich_rows import ABOUT

from pulsefer.core.errors import BadInput
from pulsefer.experiments.scoring import N_RESAMPLES
from pulsefer.reports.methods import REFERENCES, RESAMPLES, methods, write_methods


def changed(**changes):
    return {**ABOUT, **changes}


def weighed(**weights):
    return {"train": ABOUT["train"] | {"weights": weights}}


def test_the_paragraph_has_what_another_needs_to_repeat_it():
    text = methods(ABOUT)
    for part in (
        "All data are synthetic", "DEAP (Koelstra et al., 2012)",
        "12 persons, 240 trials and 1,440", "64×64 pixels", "window of 1 s with 5 frames",
        "ratings of 5 and above are high",
        "56.0% of the windows", "NeuroKit2", "40–180 bpm", "MTL", "dropout of 0.5",
        "alpha = 1 and beta = 0.01", "Adam", "learning rate 0.001 in 15 epochs of batches of 64",
        "20% of the training side", "by subject, in 5 folds", "the clips, watched by other persons",
        "2,000 resamples", "PulseFER 0.1.0", "feedfacecafe0001", "random weights",
    ):  # fmt: skip
        assert part in text, part
    assert RESAMPLES == N_RESAMPLES


def test_only_references_that_the_text_uses_are_listed():
    text = methods(ABOUT)
    body, _, listed = text.partition("References")
    for short, whole in REFERENCES.items():
        assert (whole in listed) == (short in body)
    assert "Soleymani" not in text
    assert "Soleymani" in methods(changed(datasets=["deap", "mahnob_hci"]))


def test_real_data_are_not_called_synthetic():
    assert "ynthetic" not in methods(changed(data_kind="real"))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"marks": {"auxiliary": "random"}}, "taught something else: a random number for each"),
        ({"marks": {"permuted_labels": True}}, "Labels were dealt to other trials"),
        ({"protocol": ABOUT["protocol"] | {"by": "window_pooled"}}, "recognition of the trial"),
        ({"protocol": ABOUT["protocol"] | {"folds": "one_out"}}, "leaving one out at a time"),
        ({"train": ABOUT["train"] | {"peek_at_test": True}}, "are not results"),
        ({"train": ABOUT["train"] | {"model": {"input": "difference", "heart_rate": False,
                                               "dropout": 0.0}}}, "emotion head alone (STL)"),
        ({"cnn": {"datasets": ["afew_va"], "data_kind": "real", "sha256": "0"}},
         "pre-trained on AFEW-VA (Kossaifi et al., 2017) and learned on"),
        ({"cnn": {"datasets": ["x"], "data_kind": "synthetic", "sha256": "0"}},
         "This is no result about persons."),
        ({"datasets": ["ours"]}, "format of ours"),
        (weighed(alpha=1.0, beta=0.1, schedule="linear", warmup_epochs=2),
         "beta grew to that in the first 2 epochs; beta went to 0 along a straight line"),
        (weighed(alpha=1.0, beta=0.1, method="rlw"), "random weights (Lin et al., 2022)"),
        (weighed(alpha=1.0, beta=None, method="uw", uncertainty="revised"),
         "Kendall et al., 2018, with the term of Liebel & Körner, 2018), from equal weights"),
        (weighed(alpha=1.0, beta=None, method="gls"), "geometric mean was minimised (Chennupati"),
        (weighed(alpha=1.0, beta=0.1, method="dwa"), "(Liu et al., 2019; temperature 2)"),
        (weighed(alpha=1.0, beta=0.1, method="gcs"), "did not point against the emotion's (Du"),
        (weighed(alpha=1.0, beta=0.1, method="pcgrad", on="feature"), "of the 16 shared features"),
        (weighed(alpha=1.0, beta=None, method="pcd", tau=0.3),
         "at least 30.0% of the progress"),
        (weighed(alpha=1.0, beta=0.1, method="torchjd:MGDA", torchjd={"max_iters": 9}),
         "by MGDA of TorchJD (Quinton & Rey, 2024) with max_iters = 9; the gradients that"),
    ],
)  # fmt: skip
def test_what_is_unusual_is_said(changes, told):
    assert told in methods(changed(**changes))


@pytest.mark.parametrize("missing", ["windows", "train", "marks", "store", "manifest"])
def test_settings_of_another_version_are_refused(missing):
    with pytest.raises(BadInput, match="settings of a run by this version"):
        methods({name: value for name, value in ABOUT.items() if name != missing})


def test_a_run_keeps_the_paragraph_that_it_was_made_with(tmp_path):
    file = write_methods(tmp_path, ABOUT)
    text = file.read_text("utf-8")
    assert "with PyTorch" in text
    assert file == tmp_path / "methods.md"
    file.write_text("ours", "utf-8")
    assert write_methods(tmp_path, ABOUT).read_text("utf-8") == "ours"
