"""What the methods paragraph says of a compared system, from its run's run.json."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

REFERENCES = {
    "Guendil et al., 2017": "Z. Guendil, Z. Lachiri and C. Maaoui, “Computational framework for "
    "emotional VAD prediction using regularized extreme learning machine,” Int. J. Multimed. Inf. "
    "Retr., vol. 6, no. 3, pp. 251–261, 2017.",
    "Ayata et al., 2020": "D. Ayata, Y. Yaslan and M. E. Kamasak, “Emotion recognition from "
    "multimodal physiological signals for emotion aware healthcare systems,” J. Med. Biol. Eng., "
    "vol. 40, no. 2, pp. 149–157, 2020.",
    "Ferdinando et al., 2017": "H. Ferdinando, T. Seppänen and E. Alasaarela, “Enhancing emotion "
    "recognition from ECG signals using supervised dimensionality reduction,” in Proc. ICPRAM, "
    "2017.",
    "Albraikan et al., 2019": "A. Albraikan, D. P. Tobón and A. El Saddik, “Toward "
    "user-independent emotion recognition using physiological signals,” IEEE Sensors J., vol. 19, "
    "no. 19, pp. 8402–8412, 2019.",
    "Lee et al., 2020": "M. S. Lee, Y. K. Lee, M.-T. Lim and T.-K. Kang, “Emotion recognition "
    "using convolutional neural network with selected statistical photoplethysmogram features,” "
    "Appl. Sci., vol. 10, no. 10, 3501, 2020.",
    "Huang et al., 2019": "Y. Huang, J. Yang, S. Liu and J. Pan, “Combining facial expressions and "
    "electroencephalography to enhance emotion recognition,” Future Internet, vol. 11, no. 5, 105, "
    "2019.",
    "Siddharth et al., 2022": "Siddharth, T.-P. Jung and T. J. Sejnowski, “Utilizing deep learning "
    "towards multi-modal bio-sensing and vision-based affective computing,” IEEE Trans. Affect. "
    "Comput., vol. 13, no. 1, pp. 96–107, 2022.",
    "Zhu et al., 2020": "Q. Zhu, G. Lu and J. Yan, “Valence-arousal model based emotion "
    "recognition using EEG, peripheral physiological signals and facial expression,” in Proc. "
    "ICMLSC, pp. 81–85, 2020.",
    "Ouzar et al., 2022": "Y. Ouzar, F. Bousefsaf, D. Djeldjli and C. Maaoui, “Video-based "
    "multimodal spontaneous emotion recognition using facial expressions and physiological "
    "signals,” in Proc. CVPR Workshops, 2022.",
    "Liu et al., 2020": "X. Liu, J. Fromm, S. Patel and D. McDuff, “Multi-task temporal shift "
    "attention networks for on-device contactless vitals measurement,” in Proc. NeurIPS, 2020.",
}
"""By the words that `baselines.registry.SYSTEMS` has for them."""

READ = {
    "code": "its code",
    "abstract": "no more than its abstract",
    "title": "no more than its title",
}
SEEN = {
    "face": "the face",
    "ppg": "the photoplethysmogram",
    "ecg": "the electrocardiogram",
    "eda": "the skin's electrodermal activity",
}


def compared(about: Mapping[str, Any]) -> str:
    """What the system is, how faithful it is, what it saw and how it was fitted."""
    system = about["compared"]
    name = f"{about['system']} ({system['source']})" if system["source"] else about["system"]
    text = f"The system is {name}. {system['what']}"
    if system["source"]:
        text += (
            f" Of the original, {READ[system['fidelity']]} could be read: this is a reading, not a "
            "reproduction."
        )
    seen = " and ".join(SEEN[one] for one in system["modality"])
    if system["unit"] == "trial":
        text += (
            f" It took whole trials ({seen}); each window was given the answer to its trial, and "
            f"there were {system['n_samples']:,} of them."
        )
    else:
        text += f" It took the windows ({seen})."
    text += (
        " In every fold it was fitted to the training side alone, with all that it scales, selects "
        f"or tunes, seed {about['train']['seed']}{_settings(system)}."
    )
    if system["n_windows_without"]:
        text += (
            f" {system['n_windows_without']:,} windows lacked a signal and were answered with the "
            "shares of the classes on the training side."
        )
    return text + _answers(about)


def _settings(system: Mapping[str, Any]) -> str:
    given = ", ".join(f"{name} = {value}" for name, value in sorted(system["settings"].items()))
    return f" ({given})" if given else ""


def _answers(about: Mapping[str, Any]) -> str:
    system = about["compared"]
    if system["answers"] == "heart rate":
        return (
            " It learned from the contact pulse of the training side and tells heart rates from "
            "faces; it was asked for no emotion, and its probabilities are the training side's "
            "share."
        )
    text = ""
    if system["n_classes"] == 3:
        text = (
            " It told three classes apart: ratings of 1–3, 4–6 and 7–9; as probability of high "
            "stands that of the highest and half of the middle one's."
        )
    if about["marks"].get("permuted_labels"):
        text += " Labels were dealt to other trials, as a control."
    return text
