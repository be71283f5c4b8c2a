"""The peers, one module each; a module runs in an environment of its own: `python -m bench.peers.NAME TASK OUT`.

A new peer is a module that calls `protocol.run` and a line in `PEERS`. What it imports beside this benchmark's own
environment stands, pinned, in `requirements/ENVIRONMENT.txt`.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """A side of the comparison.

    Args:
        name: Its module here.
        title: What the tables call it.
        kinds: The kinds of rows that it takes: text, image, table.
        environment: Where it runs: a file in requirements/; '' for the environment of the benchmark itself.
        fine_tunes: It changes the encoder's weights.
        searches: It is a search, which only W2 measures.
    """

    name: str
    title: str
    kinds: tuple[str, ...]
    environment: str = ""
    fine_tunes: bool = True
    searches: bool = False


PEERS = (
    Peer("sklearn_text", "scikit-learn: TF-IDF, logistic regression", ("text",), fine_tunes=False),
    Peer("sklearn_table", "scikit-learn: gradient boosting", ("table",), fine_tunes=False),
    Peer("sklearn_table_threshold", "scikit-learn: the same, threshold tuned", ("table",), fine_tunes=False),
    Peer("lightgbm_table", "LightGBM", ("table",), fine_tunes=False),
    Peer("lightgbm_table_tuned", "LightGBM: 15 trials, threshold tuned", ("table",), fine_tunes=False),
    Peer("catboost_table", "CatBoost", ("table",), "autogluon", fine_tunes=False),
    Peer("catboost_table_tuned", "CatBoost: 8 trials, threshold tuned", ("table",), "autogluon", fine_tunes=False),
    Peer("hf_full", "Hugging Face Trainer: all layers, 3 epochs", ("text", "image")),
    Peer("hf_freeze", "Hugging Face Trainer: freezing by hand, length buckets", ("text", "image")),
    Peer("hf_halving", "Hugging Face Trainer: successive halving, 20 trials", ("text",), searches=True),
    Peer("lightning_fts", "Lightning with finetuning-scheduler", ("text", "image"), "lightning"),
    Peer("fastai_text", "fastai: gradual unfreezing", ("text",), "fastai"),
    Peer("fastai_image", "fastai: fine_tune", ("image",), "fastai"),
    Peer("setfit_text", "SetFit: 100 steps of pairs", ("text",), "setfit"),
    Peer("autogluon_text", "AutoGluon: MultiModalPredictor", ("text",), "autogluon_multimodal"),
    Peer("autogluon_table", "AutoGluon: medium quality", ("table",), "autogluon", fine_tunes=False),
    Peer("autogluon_table_good", "AutoGluon: good quality", ("table",), "autogluon", fine_tunes=False),
    Peer("ludwig_text", "Ludwig: auto_transformer", ("text",), "ludwig"),
)


def peers_for(kind: str) -> list[Peer]:
    """Return the peers that take rows of this kind, in the order of the tables."""
    return [peer for peer in PEERS if kind in peer.kinds and not peer.searches]
