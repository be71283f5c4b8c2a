"""Schedules that finetuning-scheduler publishes, as `train.phases`: a phase trains the same weights at the same rates.

Each is written here twice: by the names of weights as its authors give them (a phase adds to those before it), and as
phases of ours by hand. Both are resolved on tiny random networks of the architecture. What a phase of ours can't say,
since a layer group trains whole and at one rate, stands in `more`, `fewer` and `rates`.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import transformers

from models.encoders.loading import load_encoder
from models.training.phases import apply_phase
from models.training.policies import PolicySettings, WrittenPhase, plan_phases
from tests.unit.models.conftest import BERT_LIKE, DISENTANGLED, make_classifier, save_encoder
from tests.unit.models.text_networks import LIKE_LLAMA

RATE = 1e-5
"""AdamW's in the examples, and what a phase gives to new weights unless it says otherwise."""
HEAD = "(classifier|pooler.dense)"
TABLES, NORM, WORDS = (
    "deberta.encoder.(rel_embeddings|LayerNorm)",
    "deberta.embeddings.Layer",
    "deberta.embeddings.word",
)
BLOCKS = "deberta.encoder.layer"
TINY = {"hidden_size": 8, "num_attention_heads": 2, "intermediate_size": 8, "num_labels": 2}


@dataclass(frozen=True)
class Schedule:
    """What trains in each phase, in patterns of names, and ours of the same; and how the weights differ, by phase.

    `ends` are the epochs at which phases end at the latest, `more` and `fewer` patterns of weights that only ours or
    only theirs train, `rates` those with other rates.
    """

    theirs: list[str]
    ours: list[dict[str, float]]
    ends: list[int] = field(default_factory=list)
    initial: list[dict[str, float]] = field(default_factory=list)
    more: dict[int, str] = field(default_factory=dict)
    fewer: dict[int, str] = field(default_factory=dict)
    rates: dict[int, str] = field(default_factory=dict)


def at(*groups: str) -> dict[str, float]:
    """Return groups at the rate of the examples."""
    return dict.fromkeys(groups, RATE)


DEBERTA = {
    "the example on RTE": Schedule(
        theirs=[f"{HEAD}|{TABLES}|{BLOCKS}", NORM, WORDS],
        ours=[at("head", "block_.*"), at("head", "block_.*"), at(".*")],
        fewer={0: TABLES, 1: f"{TABLES}|{NORM}"},
    ),
    "its check": Schedule(
        theirs=[f"{HEAD}|{TABLES}|{BLOCKS}|{NORM}"], ours=[at("head", "block_.*")], fewer={0: f"{TABLES}|{NORM}"}
    ),
    "the top block, then all": Schedule(
        theirs=[rf"{HEAD}|{BLOCKS}.11\.", f"{BLOCKS}|{TABLES}|{NORM}|{WORDS}"],
        ours=[at("head", "block_11"), at(".*")],
    ),
    "the top block, the others, their tables": Schedule(
        theirs=[rf"{HEAD}|{BLOCKS}.11\.", rf"{BLOCKS}.([0-9]|10)\.", TABLES],
        ours=[at("head", "block_11"), at("head", "block_.*"), at("head", "block_.*")],
        ends=[1, 2],
        fewer={2: TABLES},
    ),
    "the guide's, a head in two parts": Schedule(
        theirs=["classifier", rf"pooler.dense|{BLOCKS}.11\.", rf"{BLOCKS}.([0-9]|10)\.|{TABLES}"],
        ours=[at("head"), at("head", "block_11"), at("head", "block_.*")],
        ends=[1, 2],
        more={0: "pooler"},
        fewer={2: TABLES},
    ),
    "rates set anew in each phase": Schedule(
        theirs=["classifier", "pooler.dense|deberta.encoder.LayerNorm", f"{TABLES}|{BLOCKS}|{NORM}", WORDS],
        ours=[at("head"), at("head"), {"head": 2e-6, "block_.*": RATE}, {"head": 2e-6, "block_.*|embeddings": RATE}],
        initial=[
            {},
            {"classifier": 2e-6},
            {"classifier": 1e-6, "pooler.dense|deberta.encoder.LayerNorm": 2e-6},
            {"classifier": 1e-6, "pooler.dense|deberta.encoder.LayerNorm": 2e-6},
        ],
        more={0: "pooler"},
        fewer={1: "deberta.encoder.LayerNorm", 2: f"{TABLES}|{NORM}"},
        rates={1: "classifier", 2: "classifier", 3: "classifier|deberta.encoder.LayerNorm"},
    ),
}
LLAMA = Schedule(
    theirs=[r"score.weight|model.norm", r"model.layers.3\.", r"model.layers.[0-2]\.|model.embed_tokens"],
    ours=[at("head"), at("head", "block_3"), at(".*")],
    ends=[1, 2],
    more={0: "score.bias", 1: "score.bias", 2: "score.bias"},
    fewer={0: "model.norm"},
)
"""That of the examples on several devices, its names as transformers has them. A linear head of ours has a bias."""


@pytest.fixture(scope="module")
def ours_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[dict[str, float]]]:
    """Return what applies phases to a tiny classifier: rates of what trains in each, by names of transformers."""
    root: Path = tmp_path_factory.mktemp("published")

    def resolve(
        schedule: Schedule, config: transformers.PretrainedConfig, renamed: dict[str, str], **head: object
    ) -> list[dict[str, float]]:
        place = root / config.model_type
        encoder = load_encoder(str(place if place.exists() else save_encoder(config, place)), root=root)
        classifier = make_classifier(encoder, **head)
        lasting = [end - begun for begun, end in zip([0, *schedule.ends], schedule.ends, strict=False)]
        written = [
            WrittenPhase(f"phase {number}", groups, num_epochs=(*lasting, *[9] * len(schedule.ours))[number])
            for number, groups in enumerate(schedule.ours)
        ]
        found = []
        for phase in plan_phases("explicit", classifier.groups, PolicySettings(phases=written)):
            rates = {
                parameter: group.learning_rate
                for group in apply_phase(classifier, phase)
                for parameter in (*group.decayed, *group.exempt)
            }
            trains = {path: each for path, each in classifier.named_parameters() if each.requires_grad}
            assert set(trains.values()) == rates.keys()
            found.append({rename(path, renamed): rates[each] for path, each in trains.items()})
        return found

    return resolve


def rename(path: str, renamed: dict[str, str]) -> str:
    """Return what transformers calls a weight of ours."""
    ours = next(each for each in renamed if path.startswith(each))
    return renamed[ours] + path.removeprefix(ours)


def theirs_of(schedule: Schedule, names: list[str]) -> list[dict[str, float]]:
    """Return the rates at which a phase begins, of what trains in it."""
    found: list[dict[str, float]] = []
    for number, pattern in enumerate(schedule.theirs):
        rates = dict(found[-1]) if found else {}
        rates |= {name: RATE for name in names if re.match(pattern, name) and name not in rates}
        for older, rate in (schedule.initial[number] if schedule.initial else {}).items():
            rates |= {name: rate for name in rates if re.match(older, name)}
        found.append(rates)
    return found


def compare(schedule: Schedule, theirs: list[dict[str, float]], ours: list[dict[str, float]]) -> None:
    """Check that phases differ in what is said, and in nothing else."""
    for number, (their, our) in enumerate(zip(theirs, ours, strict=True)):
        differing = {
            "more": (our.keys() - their.keys(), schedule.more),
            "fewer": (their.keys() - our.keys(), schedule.fewer),
            "rates": ({name for name in their.keys() & our.keys() if their[name] != our[name]}, schedule.rates),
        }
        for what, (found, said) in differing.items():
            known = {name for name in {**their, **our} if number in said and re.match(said[number], name)}
            assert found == known & ({**our} if what == "more" else {**their}).keys(), f"phase {number}: {what}"


@pytest.mark.parametrize("name", DEBERTA)
def test_schedules_for_deberta(ours_of: Callable[..., list[dict[str, float]]], name: str) -> None:
    config = transformers.DebertaV2Config(
        **{**BERT_LIKE, **DISENTANGLED, **TINY, "num_hidden_layers": 12, "type_vocab_size": 0}
    )
    network = transformers.AutoModelForSequenceClassification.from_config(config)
    renamed = {"network.": "deberta.", "head.1.": "pooler.dense.", "head.4.": "classifier."}
    ours = ours_of(DEBERTA[name], config, renamed, pooling="cls", layers=1, units=8)
    compare(DEBERTA[name], theirs_of(DEBERTA[name], [path for path, _ in network.named_parameters()]), ours)


def test_the_schedule_for_llama(ours_of: Callable[..., list[dict[str, float]]]) -> None:
    config = transformers.LlamaConfig(**LIKE_LLAMA, num_labels=2)
    network = transformers.AutoModelForSequenceClassification.from_config(config)
    ours = ours_of(LLAMA, config, {"network.": "model.", "head.1.": "score."}, pooling="last_token")
    compare(LLAMA, theirs_of(LLAMA, [path for path, _ in network.named_parameters()]), ours)
