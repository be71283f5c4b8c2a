"""Policies plan phases; a bad schedule says what is wrong with it and what to do."""

import dataclasses

import pytest

from models.training.policies import POLICIES, Phase, PolicySettings, WrittenPhase, plan_phases
from thawline.errors import PolicyError

GROUPS = ("embeddings", "block_0", "block_1", "block_2", "head")
SETTINGS = PolicySettings(
    head_epochs=10,
    num_epochs=8,
    head_learning_rate=1e-2,
    learning_rate=1e-4,
    layer_lr_decay=0.5,
    patience=3,
    phases=(WrittenPhase("all", {".*": 1e-3}, num_epochs=8),),
)


def plan(policy: str, **changes: object) -> list[Phase]:
    return plan_phases(policy, GROUPS, dataclasses.replace(SETTINGS, **changes))


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_gives_phases_that_train_known_groups(policy: str):
    for phase in plan(policy):
        assert set(phase.trainable) <= set(GROUPS)
        assert len(phase.learning_rates) == len(phase.trainable)
        assert phase.patience == 3
        assert phase.stop_after is None


@pytest.mark.parametrize("policy", sorted(set(POLICIES) - {"auto"}))
def test_no_policy_but_auto_spends_more_epochs_on_the_encoder_than_allowed(policy: str):
    assert sum(phase.num_epochs for phase in plan(policy) if phase.trainable != ("head",)) in (0, 8)


def test_head_only_trains_the_head():
    assert plan("head_only") == [Phase("head", ("head",), (1e-2,), 10, 3, exact=True)]


def test_full_trains_everything_with_rates_that_decay_downwards():
    assert plan("full") == [Phase("all", GROUPS, (1.25e-5, 2.5e-5, 5e-5, 1e-4, 1e-4), 8, 3)]


def test_lp_ft_trains_the_head_then_everything():
    head, everything = plan("lp_ft")
    (full,) = plan("full")
    assert [head] == plan("head_only")
    assert everything == dataclasses.replace(full, learning_rates=(*full.learning_rates[:-1], 1e-5))


def test_gradual_unfreezes_one_group_a_phase_from_the_top():
    assert [phase.trainable for phase in plan("gradual")] == [GROUPS[i:] for i in (4, 3, 2, 1, 0)]
    assert [phase.num_epochs for phase in plan("gradual")] == [10, 2, 2, 2, 2]


def test_gradual_unfreezes_several_groups_a_phase_and_no_more_than_allowed():
    phases = plan("gradual", groups_per_phase=2, max_unfrozen_groups=3)
    assert [phase.trainable for phase in phases] == [GROUPS[4:], GROUPS[2:], GROUPS[1:]]
    assert [phase.name for phase in phases] == ["head", "top_2", "top_3"]


def test_auto_leaves_open_how_deep_it_goes_or_goes_there_at_once():
    head, *deeper = plan("auto", groups_per_phase=2)
    assert [phase.trainable for phase in (head, *deeper)] == [p.trainable for p in plan("gradual", groups_per_phase=2)]
    assert [phase.num_epochs for phase in deeper] == [8, 8]
    assert plan("auto", groups_per_phase=2, depth=2) == [head, deeper[0]]
    assert plan("auto", depth=0) == [head]
    assert plan("auto", depth=99)[1].trainable == GROUPS


def test_chain_thaw_trains_each_group_by_itself_from_the_lowest_then_all():
    phases = plan("chain_thaw", max_unfrozen_groups=2)
    assert [phase.trainable for phase in phases] == [("head",), ("block_1",), ("block_2",), GROUPS[2:]]
    assert [phase.learning_rates for phase in phases[1:]] == [(5e-5,), (1e-4,), (5e-5, 1e-4, 1e-5)]
    assert [phase.num_epochs for phase in phases] == [10, 2, 3, 3]


def test_explicit_phases_name_groups_or_match_them():
    written = (
        WrittenPhase("head", {"head": 1e-2}, num_epochs=5, patience=1),
        WrittenPhase("middle", {"head": 1e-3, "block_[12]": 1e-4}, num_epochs=2, min_gain=0.1),
    )
    assert plan("explicit", phases=written) == [
        Phase("head", ("head",), (1e-2,), 5, 1),
        Phase("middle", ("block_1", "block_2", "head"), (1e-4, 1e-4, 1e-3), 2, 3, min_gain=0.1),
    ]


def test_epochs_left_over_go_to_the_last_phases():
    assert [phase.num_epochs for phase in plan("gradual", num_epochs=6)] == [10, 1, 1, 2, 2]


@pytest.mark.parametrize(
    ("policy", "changes", "message"),
    [
        (
            "thaw_all",
            {},
            "policy 'thaw_all' is unknown; train.policy is one of auto, chain_thaw, explicit, full, gradual, ",
        ),
        (
            "gradual",
            {"num_epochs": 2, "max_unfrozen_groups": 3},
            "num_epochs (2) is less than the 3 phases of policy 'gradual'; raise train.num_epochs or use 'head_only'",
        ),
        ("full", {"num_epochs": 0}, "num_epochs (0) is less than 1; set train.num_epochs to 1 or more"),
        ("lp_ft", {"head_epochs": 0}, "head_epochs (0) is less than 1; set train.head_epochs to 1 or more"),
        ("full", {"patience": 0}, "patience (0) is less than 1; set train.patience to 1 or more"),
        ("gradual", {"groups_per_phase": 0}, "groups_per_phase (0) is less than 1; set train.groups_per_phase to 1"),
        ("gradual", {"max_unfrozen_groups": 0}, "max_unfrozen_groups (0) is less than 1; set train.max_unfrozen"),
        ("full", {"learning_rate": 0.0}, "learning_rate (0.0) is not above 0 and at most 1; correct train.learning"),
        ("full", {"learning_rate": 1.5}, "learning_rate (1.5) is not above 0 and at most 1; correct train.learning"),
        ("head_only", {"head_learning_rate": -1.0}, "head_learning_rate (-1.0) is not above 0 and at most 1; correct"),
        ("full", {"layer_lr_decay": 0.0}, "layer_lr_decay (0.0) is not above 0 and at most 1; correct train.layer"),
        ("full", {"layer_lr_decay": float("nan")}, "layer_lr_decay (nan) is not above 0 and at most 1"),
        ("auto", {"depth": -1}, "depth (-1) is less than 0; set train.depth to 0 or more"),
        ("chain_thaw", {"num_epochs": 3}, "num_epochs (3) is less than the 5 phases of policy 'chain_thaw'; raise"),
        (
            "explicit",
            {"phases": ()},
            "policy 'explicit' has no phases; write train.phases, or take what `thawline sched",
        ),
        (
            "explicit",
            {"phases": (WrittenPhase("a", {"head": 0.1}, 1),) * 2},
            "train.phases has more than one phase named 'a'; give each a name of its own",
        ),
        (
            "explicit",
            {"phases": (WrittenPhase("a", {"layer_1": 0.1}, 1),)},
            "phase 'a': no layer group is called or matches 'layer_1'; the model has embeddings, block_0",
        ),
        (
            "explicit",
            {"phases": (WrittenPhase("a", {"block_[": 0.1}, 1),)},
            "phase 'a': 'block_[' is no regular expression (unterminated character set",
        ),
        (
            "explicit",
            {"phases": (WrittenPhase("a", {"block_.": 0.1, "block_1": 0.2}, 1),)},
            "phase 'a': layer group 'block_1' is named by both 'block_.' and 'block_1'; each group may have one",
        ),
        ("explicit", {"phases": (WrittenPhase("a", {}, 1),)}, "phase 'a' trains (); it must name at least one layer"),
        ("explicit", {"phases": (WrittenPhase("a", {"head": 0.0}, 1),)}, "phase 'a' has a learning rate of 0.0; each"),
        ("explicit", {"phases": (WrittenPhase("a", {"head": 0.1}, 0),)}, "phase 'a' has 0 epochs and a patience of 3"),
        (
            "explicit",
            {"phases": (WrittenPhase("a", {"head": 0.1}, 1, 0),)},
            "phase 'a' has 1 epochs and a patience of 0",
        ),
    ],
)
def test_bad_schedules(policy: str, changes: dict[str, object], message: str):
    with pytest.raises(PolicyError) as caught:
        plan(policy, **changes)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("groups", [(), ("head",), ("block", "block", "head")], ids=["none", "head alone", "twice"])
def test_layer_groups_must_be_two_with_names_of_their_own(groups: tuple[str, ...]):
    with pytest.raises(PolicyError, match="must be at least two with names of their own"):
        plan_phases("full", groups, SETTINGS)
