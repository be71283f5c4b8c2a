"""TF-IDF with logistic regression, in scikit-learn.

Words and pairs of words with sublinear counts, and C = 10: what its guide to text classification and its users settle
on (https://scikit-learn.org/stable/auto_examples/text/plot_document_classification_20newsgroups.html: sublinear_tf,
min_df; C is the middle of its grid).
"""

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from bench.peers.protocol import Ints, Task, run


def train_and_predict(_task: Task, training: pd.DataFrame, validation: pd.DataFrame) -> Ints:
    model = make_pipeline(
        TfidfVectorizer(sublinear_tf=True, ngram_range=(1, 2)), LogisticRegression(C=10.0, max_iter=1000)
    )
    model.fit(training["text"].tolist(), training["label"].to_numpy())
    predicted: Ints = model.predict(validation["text"].tolist())
    return predicted


if __name__ == "__main__":
    run(train_and_predict, libraries=["scikit-learn"])
