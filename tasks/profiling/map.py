"""A map of the rows by what they are like, and the classes that lie in one another."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expectations.report import LeftOut
from tasks.profiling.subject import Subject
from thawline.page.charts import heat_map, point_map, table
from thawline.page.parts import Panel, Section, Tone, percent, shorten

NUM_NEIGHBOURS = 5
NUM_COMPONENTS = 50
NUM_PAIRS = 5
NUM_STRAYS = 6
MAX_HEAT = 12
TSNE_STEPS = 500
"""scikit-learn's 1,000 take twice as long for the same neighbourhoods (docs/decisions.md)."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Vectors:
    """Vectors (P, D) of some of the rows that are looked at, and where they come from.

    `positions` (P,) are their places in `Subject.seen`; `is_encoded` says that a pretrained encoder made them.
    """

    positions: Ints
    values: Floats
    origin: str
    is_encoded: bool


def describe_map(subject: Subject, vectors: Vectors | LeftOut) -> Section:
    """Draw the map and name the classes and rows that lie among those of another class."""
    title = "Map of the rows"
    if isinstance(vectors, LeftOut):
        return Section("map", title, (Panel(title, f"There is no map: {vectors.reason}."),))
    labels = subject.labels[vectors.positions]
    classes = [name for name in subject.classes if (labels == name).any()]
    if len(labels) < 3 * NUM_NEIGHBOURS or len(classes) < 2:
        says = "There are too few rows or classes for a map."
        return Section("map", title, (Panel(title, says),))
    if np.allclose(vectors.values, vectors.values[0]):  # t-SNE would divide by their deviation, and end the process
        says = (
            f"There is no map: all rows are the same to {vectors.origin}, and so they will be to what learns from it."
        )
        return Section("map", title, (Panel(title, says, "bad"),))
    neighbours = _neighbours(vectors)
    panels = [_map(subject, vectors, labels, classes), *_pairs(labels, classes, neighbours)]
    if strays := _strays(subject, vectors, labels, neighbours):
        panels.append(strays)
    return Section("map", title, tuple(panels))


def _map(subject: Subject, vectors: Vectors, labels: NDArray[np.object_], classes: list[str]) -> Panel:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    size = min(NUM_COMPONENTS, *vectors.values.shape)
    pca = PCA(n_components=size, random_state=subject.params.seed)
    components = pca.fit_transform(vectors.values)
    if vectors.is_encoded:
        perplexity = min(30.0, (len(components) - 1) / 3)
        tsne = TSNE(perplexity=perplexity, init="pca", max_iter=TSNE_STEPS, random_state=subject.params.seed)
        points, axes = tsne.fit_transform(components), ("t-SNE 1 (no unit)", "t-SNE 2 (no unit)")
        how = "neighbours on the map are alike; distances across it mean little."
    else:
        points = components[:, :2] if size > 1 else np.column_stack([components[:, 0], np.zeros(len(components))])
        held = [*pca.explained_variance_ratio_[:2], 0.0][:2]
        first, second = (f"component {at + 1} ({percent(float(held[at]))} of the variance)" for at in (0, 1))
        axes = (first, second)
        how = f"the two directions hold {percent(float(sum(held)))} of the variance."
    some = f"{len(labels):,} of {len(subject.seen):,} rows" if len(labels) < len(subject.seen) else "All rows"
    says = f"{some} by {vectors.origin}: {how}"
    picture = point_map(points.astype(np.float64), labels, classes, axes=(axes[0], axes[1]))
    return Panel("Rows by class", says, "plain", (picture,), is_wide=len(classes) > 6)


def _neighbours(vectors: Vectors) -> Ints:
    """Return (P, NUM_NEIGHBOURS): the rows nearest to each row, by angle for encoded ones."""
    from sklearn.neighbors import NearestNeighbors

    values = vectors.values
    if vectors.is_encoded:
        values = values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-12)
    found: Ints = NearestNeighbors(n_neighbors=NUM_NEIGHBOURS).fit(values).kneighbors(return_distance=False)
    return found


def _pairs(labels: NDArray[np.object_], classes: list[str], neighbours: Ints) -> list[Panel]:
    numbers = np.array([{name: place for place, name in enumerate(classes)}[label] for label in labels])
    counts = np.zeros((len(classes), len(classes)))
    np.add.at(counts, (np.repeat(numbers, NUM_NEIGHBOURS), numbers[neighbours].ravel()), 1)
    shares = counts / counts.sum(axis=1, keepdims=True)
    agreement, chance = float(np.trace(counts) / counts.sum()), float(np.sum((counts.sum(axis=1) / counts.sum()) ** 2))
    both = (shares + shares.T) / 2
    first, second = np.triu_indices(len(classes), k=1)
    ordered = np.argsort(-both[first, second], kind="stable")[:NUM_PAIRS]
    lines = [
        (
            f"{shorten(classes[first[at]])} and {shorten(classes[second[at]])}",
            percent(float(shares[first[at], second[at]])),
            percent(float(shares[second[at], first[at]])),
        )
        for at in ordered
        if both[first[at], second[at]] > 0
    ]
    gain = (agreement - chance) / max(1 - chance, 1e-9)
    tone: Tone = "good" if gain > 0.5 else "warn" if gain < 0.1 else "plain"
    means = {"good": "the classes lie apart", "plain": "the classes overlap", "warn": "the classes lie mixed"}[tone]
    says = (
        f"{percent(agreement)} of the {NUM_NEIGHBOURS} nearest neighbours of a row have its label, {percent(chance)} "
        f"would by chance: {means}, before any training."
    )
    head = ("Nearest classes", "Neighbours of the first in the second", "The other way round")
    panel = Panel("Classes that are easily confused", says, tone, (table(head, lines, numeric=(1, 2)),))
    if len(classes) < 3:
        return [panel]
    shown = classes[:MAX_HEAT]
    heat = heat_map(shares[:MAX_HEAT, :MAX_HEAT], rows=shown, columns=shown, title="Classes of nearest neighbours")
    says = "Each line: of which classes the nearest neighbours of its rows are, in percent."
    says += f" {len(classes) - MAX_HEAT:,} more classes are not drawn." if len(classes) > MAX_HEAT else ""
    return [panel, Panel("Whose neighbours are whose", says, "plain", (heat,))]


def _strays(subject: Subject, vectors: Vectors, labels: NDArray[np.object_], neighbours: Ints) -> Panel | None:
    around = labels[neighbours]
    is_stray = (around == around[:, :1]).all(axis=1) & (around[:, 0] != labels)
    found = np.flatnonzero(is_stray)
    if not len(found):
        return None
    rows = subject.seen.iloc[vectors.positions[found[:NUM_STRAYS]]]
    lines = [
        (f"{shorten(source)} row {row:,}", shorten(label), shorten(near), shorten(text, 160))
        for source, row, label, near, text in zip(
            rows["source"],
            rows["source_row"],
            rows["label"],
            around[found[:NUM_STRAYS], 0],
            subject.modality.excerpt(rows),
            strict=True,
        )
    ]
    says = (
        f"{len(found):,} of these rows ({percent(len(found) / len(labels))}) have only neighbours of one other class: "
        "hard ones, or wrong labels."
    )
    head = ("Where", "Label", "Neighbours", "Content")
    return Panel("Rows in the midst of another class", says, "plain", (table(head, lines),), is_wide=True)
