"""What fine-tuning on texts has to beat: linear models on TF-IDF of words and word pairs."""

from typing import Any

from thawline.params import Params


def tfidf_logistic(params: Params) -> Any:
    """Return logistic regression on TF-IDF of words and word pairs."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    regression = LogisticRegression(C=params.baseline.inverse_regularization, max_iter=1000)
    return make_pipeline(_vectorizer(params), regression)


def tfidf_ridge(params: Params) -> Any:
    """Return ridge regression on TF-IDF of words and word pairs."""
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline

    return make_pipeline(_vectorizer(params), Ridge(alpha=1 / params.baseline.inverse_regularization, solver="lsqr"))


def _vectorizer(params: Params) -> Any:
    from sklearn.feature_extraction.text import TfidfVectorizer

    choice = params.baseline
    return TfidfVectorizer(
        max_features=choice.max_features,
        ngram_range=(1, choice.max_ngram),
        sublinear_tf=True,
        token_pattern=r"(?u)\b\w+\b",  # noqa: S106 - one-letter words count, as in languages that have many
    )
