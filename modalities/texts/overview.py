"""Texts for the profile page: lengths, what the encoder will not see, and the words of each class."""

import numpy as np
import numpy.typing as npt
import pandas as pd

from thawline.page.charts import histogram, table
from thawline.page.parts import Panel, Tone, count, percent, shorten
from thawline.params import Params

MAX_TEXTS = 20_000
MAX_CHARS = 20_000
MAX_WORDS = 20_000
NUM_CLASSES = 12
NUM_WORDS = 8


def overview(frame: pd.DataFrame, params: Params) -> list[Panel]:
    """Describe prepared, labelled texts."""
    texts = frame["text"].astype(object).tolist()
    labels = frame["label"].to_numpy(dtype=object)
    order = frame["label"].value_counts().index.astype(str).tolist()
    num_chars = np.array([len(text) for text in texts], dtype=np.float64)
    num_words = np.array([len(text.split()) for text in texts], dtype=np.float64)
    return [
        Panel(
            "Length in characters",
            _lengths(num_chars, "characters") + " The axis is logarithmic.",
            pictures=(histogram(num_chars, labels, name="Characters (logarithmic)", order=order, is_log=True),),
        ),
        _words(num_words, labels, order, params),
        _telling_words(texts, labels, order, params),
    ]


def _lengths(values: npt.NDArray[np.float64], unit: str) -> str:
    low, middle, high = np.percentile(values, [5, 50, 95])
    return f"Half of the texts have at most {middle:,.0f} {unit}, nine in ten between {low:,.0f} and {high:,.0f}."


def _words(
    num_words: npt.NDArray[np.float64], labels: npt.NDArray[np.object_], order: list[str], params: Params
) -> Panel:
    most = params.model.max_tokens
    cut = float((num_words > most).mean())
    tone: Tone = "warn" if cut > 0.25 else "good"
    says = f"{_lengths(num_words, 'words')} {percent(cut)} have more than {most} words"
    says += (
        f": of those the encoder sees only the beginning (model.max_tokens = {most}, and a word is a token or more)."
    )
    return Panel(
        "Length in words",
        says,
        tone,
        (histogram(num_words, labels, name="Words (logarithmic)", order=order, is_log=True),),
    )


def _telling_words(texts: list[str], labels: npt.NDArray[np.object_], order: list[str], params: Params) -> Panel:
    """Name the words that speak most for each class: log odds with a prior (Monroe, Colaresi, Quinn 2008)."""
    from scipy import sparse
    from sklearn.feature_extraction.text import CountVectorizer

    title, shown = "Words that set the classes apart", order[:NUM_CLASSES]
    chosen = np.arange(len(texts))
    if len(texts) > MAX_TEXTS:
        chosen = np.sort(np.random.default_rng(params.seed).choice(len(texts), MAX_TEXTS, replace=False))
    vectorizer = CountVectorizer(max_features=MAX_WORDS, binary=True, token_pattern=r"(?u)\b\w\w+\b")  # noqa: S106
    try:
        found = sparse.csr_array(vectorizer.fit_transform([texts[place][:MAX_CHARS] for place in chosen]))
    except ValueError:  # scikit-learn's way to say that no text has a word
        return Panel(title, "No text has a word of two letters or more.", "warn")
    words = np.asarray(vectorizer.get_feature_names_out(), dtype=object)
    everywhere = np.asarray(found.sum(axis=0)).ravel()
    lines = []
    for name in shown:
        inside = labels[chosen] == name
        here = np.asarray(found[inside].sum(axis=0)).ravel()
        prior = everywhere / everywhere.sum() * 100
        odds_in = np.log((here + prior) / (inside.sum() + 1 - here + prior).clip(0.5))
        there = everywhere - here
        odds_out = np.log((there + prior) / ((~inside).sum() + 1 - there + prior).clip(0.5))
        scores = (odds_in - odds_out) / np.sqrt(1 / (here + prior) + 1 / (there + prior))
        best = [place for place in np.argsort(-scores, kind="stable")[:NUM_WORDS] if here[place] > 1]
        said = ", ".join(f"{shorten(words[place], 20)} ({percent(here[place] / inside.sum())})" for place in best)
        lines.append((shorten(name), said or "none"))
    says = "In brackets: the share of the class's texts that have the word. Names, dates or addresses here are a leak."
    hidden = (
        f" {count(len(order) - len(shown), 'more class', 'more classes')} not shown." if len(order) > len(shown) else ""
    )
    return Panel(title, says + hidden, "plain", (table(("Class", "Words"), lines),), is_wide=True)
