"""From results to a verdict: which candidate stands at the gates, and what they say."""

from collections.abc import Sequence

from prefect import task

from targets import target_of
from tasks.caching import NO_CACHE
from tasks.candidates.blend import BLEND
from tasks.judging.evaluation import champion_of, predictions_of
from tasks.results.cross_validation import CrossValidation
from tasks.results.judgement import Evaluation, Judgement, ScoredChampion
from tasks.training.train_set import load_train_set
from thawline.context import Context
from thawline.scores.comparison import TestPredictions
from thawline.scores.gates import Unscorable, choose_candidate, summarise

LOSS_FACTOR = 2
"""A loss counts at twice the significance of a gain: keeping a worse model out is worth a better one's second try."""


@task(name="gates", cache_policy=NO_CACHE)
def decide(
    context: Context,
    *,
    finetuned: CrossValidation,
    baselines: Sequence[CrossValidation],
    evaluations: Sequence[Evaluation],
    champion: ScoredChampion | None,
) -> Judgement:
    """Choose the candidate and let the gates judge it.

    The candidate is chosen on cross-validation alone; the test set only speaks at the gates.
    """
    approaches = [finetuned.summary(), *(baseline.summary() for baseline in baselines)]
    candidate = choose_candidate(approaches[0], approaches[1:])
    evaluation = next(each for each in evaluations if each.name == candidate.name)
    target, classes = target_of(context.params), load_train_set(context).classes
    challenger = predictions_of(evaluation.predictions, classes)
    held = champion_of(champion, classes)
    significance = LOSS_FACTOR * context.params.gates.significance
    against = target.compare(challenger, held, significance=significance) if isinstance(held, TestPredictions) else held
    gates = target.judge(
        challenger,
        against,
        candidate=candidate,
        limits=context.params.gates,
        slices=evaluation.slices,
        num_before=0.0 if champion is None else champion.num_before,
    )
    verdict = summarise(gates, candidate.name, has_champion=champion is not None)
    if candidate.name != finetuned.name:
        what = "blend of baselines and fine-tuned model" if candidate.name == BLEND else f"baseline {candidate.name}"
        verdict = (
            f"{verdict} The {what} was the candidate: its cross-validated {candidate.title} "
            f"{candidate.score:.4f} is above {finetuned.mean():.4f} of the fine-tuned model."
        )
    return Judgement(
        candidate=candidate.name,
        gates=gates,
        verdict=verdict,
        champion=None if champion is None else champion.version,
        comparison=None if isinstance(against, Unscorable) else against,
    )
