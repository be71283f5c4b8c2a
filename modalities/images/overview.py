"""Images for the profile page: sizes, brightness, colour modes, and a contact sheet of each class."""

import base64
import io

import numpy as np
import numpy.typing as npt
import pandas as pd
from markupsafe import Markup

from modalities.images.pixels import inspect_image, shrink
from thawline.page.charts import histogram, share_bars
from thawline.page.parts import Panel, Tone, count, named, percent, shorten
from thawline.params import Params

NUM_CLASSES = 20
NUM_PICTURES = 8
PICTURE_SIDE = 56


def overview(frame: pd.DataFrame, params: Params) -> list[Panel]:
    """Describe prepared, labelled images."""
    labels = frame["label"].to_numpy(dtype=object)
    order = frame["label"].value_counts().index.astype(str).tolist()
    return [
        _contact_sheet(frame, order, params),
        *_sizes(frame, labels, order),
        _light(frame, labels, order, params),
        _modes(frame),
    ]


def _contact_sheet(frame: pd.DataFrame, order: list[str], params: Params) -> Panel:
    generator = np.random.default_rng(params.seed)
    lines = []
    for name in order[:NUM_CLASSES]:
        places = np.flatnonzero((frame["label"] == name).to_numpy())
        chosen = np.sort(generator.choice(places, min(NUM_PICTURES, len(places)), replace=False))
        pictures = Markup("").join(
            _picture(frame["image"].iloc[place], frame["path"].iloc[place], params) for place in chosen
        )
        lines.append(Markup("<h4>{}</h4><div class='sheet'>{}</div>").format(shorten(name), pictures))
    says = f"Images of each class, drawn at random, {NUM_PICTURES} of each. Look for pictures that do not belong there."
    hidden = len(order) - NUM_CLASSES
    says += f" {count(hidden, 'more class', 'more classes')} not shown." if hidden > 0 else ""
    sheet = Markup('<div class="sheets">{}</div>').format(
        Markup("").join(Markup("<div>{}</div>").format(line) for line in lines)
    )
    return Panel("Contact sheet", says, "plain", (sheet,), is_wide=True)


def _picture(content: bytes, path: str, params: Params) -> Markup:
    _, image = inspect_image(content, max_pixels=params.ingest.max_pixels)
    if image is None:
        return Markup("")
    buffer = io.BytesIO()
    shrink(image, max_side=PICTURE_SIDE).save(buffer, "WEBP", quality=75)
    encoded = base64.b64encode(buffer.getvalue()).decode()
    return Markup('<img alt="{}" title="{}" src="data:image/webp;base64,{}">').format(
        shorten(path, 80), shorten(path, 80), encoded
    )


def _sizes(frame: pd.DataFrame, labels: npt.NDArray[np.object_], order: list[str]) -> list[Panel]:
    sizes = frame["width"].astype(str) + " x " + frame["height"].astype(str)
    counts = sizes.value_counts()
    if len(counts) == 1:
        return [
            Panel(
                "Sizes",
                f"All images are {counts.index[0]} pixels.",
                "good",
                (share_bars({str(counts.index[0]): len(frame)}, len(frame)),),
            )
        ]
    longer, shorter = frame[["width", "height"]].max(axis=1), frame[["width", "height"]].min(axis=1)
    says = (
        f"{count(len(counts), 'size')}, from {int(shorter.min())} to {int(longer.max())} pixels a side; "
        f"the most frequent, {counts.index[0]}, is that of {percent(counts.iloc[0] / len(frame))}. If one class has "
        "sizes of its own, the model may learn the size."
    )
    top = {str(name): int(number) for name, number in counts.head(8).items()}
    chart = histogram(longer.to_numpy(), labels, name="Longer side (pixels)", order=order)
    return [Panel("Sizes", says, "plain", (chart, share_bars(top, len(frame))))]


def _light(frame: pd.DataFrame, labels: npt.NDArray[np.object_], order: list[str], params: Params) -> Panel:
    blank = float((frame["contrast"] < 0.01).mean())  # hardly a difference between pixels: one colour
    tone: Tone = "warn" if blank > params.validation.max_blank_share else "good"
    means = frame.groupby("label")["brightness"].mean().sort_values()
    says = (
        f"From black (0) to white (1); on average {frame['brightness'].mean():.2f}. The darkest class is "
        f"{named([str(means.index[0])])} ({means.iloc[0]:.2f}), the brightest {named([str(means.index[-1])])} "
        f"({means.iloc[-1]:.2f}); {percent(blank)} of the images are of a single colour."
    )
    chart = histogram(frame["brightness"].to_numpy(), labels, name="Mean brightness (0 to 1)", order=order)
    return Panel("Brightness", says, tone, (chart,))


def _modes(frame: pd.DataFrame) -> Panel:
    words = {"L": "grey (L)", "RGB": "colours (RGB)", "RGBA": "colours and transparency (RGBA)", "P": "palette (P)"}
    counts = {words.get(str(mode), str(mode)): int(number) for mode, number in frame["mode"].value_counts().items()}
    says = "All images have the same colour mode." if len(counts) == 1 else "Grey and colour are brought to one form."
    return Panel("Colour modes", says, "good" if len(counts) == 1 else "plain", (share_bars(counts, len(frame)),))
