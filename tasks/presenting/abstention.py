"""What a model leaves unanswered, in words and tables."""

from collections.abc import Mapping, Sequence

from thawline.scores.abstention import (
    NEVER,
    Abstention,
    Answered,
    Sureness,
    answered,
    limits_of_promises,
)

PROMISE_COLUMNS = (
    "wrong at most",
    "answers from confidence",
    "out of fold answered",
    "of them wrong",
    "test answered",
    "of them wrong, 95 % interval",
)


def tell_abstention(of: Abstention) -> str:
    """Return what a limit does, as a sentence or two."""
    asked = [
        *([] if of.max_error is None else [f"at most {of.max_error:.1%} of the answers wrong was promised"]),
        *([] if of.coverage is None else [f"the least sure {1 - of.coverage:.1%} of rows are to have no answer"]),
    ]
    promise = " and ".join(asked).capitalize() + ": " if asked else ""
    if of.limit == NEVER:
        return f"{promise}no confidence keeps that on the out-of-fold rows, so nothing is answered."
    all_of_them = "every row is answered" if promise else "Every row is answered"
    some = f"{'rows' if promise else 'Rows'} are answered from a confidence of {of.limit:.4f} on"
    said = f"{promise}{all_of_them if of.limit == 0 else some}"
    parts = [f"{_share(of.out_of_fold)} out of fold"]
    if of.test is not None:
        low, high = of.test.interval
        parts.insert(0, f"{_share(of.test)} on the test set (95 % interval {low:.2%} to {high:.2%})")
    return f"{said}: {'; '.join(parts)}. Scores and gates are those of all rows answered."


def broken_promise(of: Abstention | None) -> str:
    """Return what is wrong with a limit, '' for nothing: no row is answered, or the test set breaks the promise."""
    if of is None or of.max_error is None:
        return ""
    if of.limit == NEVER:
        return (
            f"It answers nothing: no confidence keeps an error of {of.max_error:.1%}. Promise a larger one "
            "(predict.max_error), or set predict.min_confidence."
        )
    if of.test is not None and of.test.interval[0] > of.max_error:
        return (
            f"Of its answers on the test set {of.test.error:.2%} are wrong ({of.test.interval[0]:.2%} at least), "
            f"{of.max_error:.2%} was promised: the test rows are unlike the training rows."
        )
    return ""


def abstention_metrics(of: Abstention) -> Mapping[str, float]:
    """Return what MLflow keeps of it, by name."""
    parts = {"out_of_fold": of.out_of_fold, **({} if of.test is None else {"test": of.test})}
    scores = {
        f"answered/{where}_{name}": value
        for where, part in parts.items()
        for name, value in (("coverage", part.coverage), ("error", part.error))
    }
    return {"answered/limit": of.limit, **scores}


def promise_rows(unseen: Sureness, test: Sureness) -> list[Sequence[str]]:
    """Return what errors that one could promise leave answered, for a table under PROMISE_COLUMNS."""
    rows: list[Sequence[str]] = []
    for promised, limit in limits_of_promises(unseen).items():
        before, after = (answered(part, limit) for part in (unseen, test))
        low, high = after.interval
        wrong = f"{after.error:.2%}, {low:.2%} to {high:.2%}" if after.num_answered else ""
        counted = (f"{before.coverage:.1%}", f"{before.error:.2%}", f"{after.coverage:.1%}", wrong)
        rows.append((f"{promised:.0%}", *((f"{limit:.4f}", *counted) if limit < NEVER else ("no promise", *[""] * 4))))
    return rows


def _share(part: Answered) -> str:
    return f"{part.coverage:.1%} of the rows, {part.error:.2%} of them wrong,"
