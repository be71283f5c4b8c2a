"""The evaluation as one HTML page that needs nothing beside it: pictures are inlined, every text is escaped."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from PIL import Image, UnidentifiedImageError

from tasks.judging.review import Review, confident_mistakes
from tasks.presenting.abstention import PROMISE_COLUMNS, promise_rows, tell_abstention
from tasks.presenting.answer_rule import plain_answers, rule_rows, tell_rule
from tasks.reports.answer_views import view_of

TEMPLATE = "evaluation.html.j2"
IMAGE_SIDE = 160


def render_evaluation(review: Review, *, name: str, alarms: list[str], figures: Mapping[str, bytes]) -> str:
    """Return the page.

    Args:
        review: What it shows.
        name: That of the classifier.
        alarms: Signs of overfitting, in words.
        figures: PNG pictures of the candidate's test predictions by title.
    """
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    mistakes = confident_mistakes(review)
    num_wrong = int((review.predictions.answers != review.predictions.labels).sum())
    rule, comparison = review.evaluation.rule, review.judgement.comparison
    told = "" if comparison is None else view_of(review.target.name).told(comparison)
    page: str = environment.get_template(TEMPLATE).render(
        name=name,
        judgement=review.judgement,
        evaluation=review.evaluation,
        evaluations=review.evaluations,
        approaches=review.approaches,
        comparison=comparison,
        told_comparison=told,
        target=review.target,
        alarms=alarms,
        rule=None if rule is None else (tell_rule(rule), rule_rows(rule), plain_answers(rule)),
        abstention="" if review.evaluation.abstention is None else tell_abstention(review.evaluation.abstention),
        promises=[] if review.unseen is None else promise_rows(review.unseen, review.sureness),
        promise_columns=PROMISE_COLUMNS,
        data_version=review.context.data_version,
        num_train=len(review.train_labels),
        num_test=len(review.test),
        num_wrong=num_wrong,
        mistakes=[(mistake, picture(mistake.image)) for mistake in mistakes],
        audit=review.audit,
        issues=[(issue, picture(issue.image)) for issue in review.issues],
        figures={title: _data_url(picture) for title, picture in figures.items()},
    )
    return page


def picture(content: bytes | None) -> str | None:
    """Return an image, made small, as a data URL; None where there is none or it can't be decoded."""
    if content is None:
        return None
    try:
        with Image.open(io.BytesIO(content)) as image:
            small: Any = image.convert("RGB")
    except (UnidentifiedImageError, OSError, Image.DecompressionBombError):
        return None
    small.thumbnail((IMAGE_SIDE, IMAGE_SIDE))
    buffer = io.BytesIO()
    small.save(buffer, "PNG")
    return _data_url(buffer.getvalue())


def _data_url(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"
