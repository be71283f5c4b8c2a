"""Layer groups and running from a boundary, for each architecture."""

import pytest
import torch

from models.activations.prefix import compute_states
from models.classifiers.classifier import Classifier
from models.classifiers.parts import Place
from models.encoders.loading import Encoder
from models.inputs.rows import TokenRows
from models.training.phases import apply_phase
from tests.unit.models.conftest import CONFIGS, make_classifier, phase, places, start, weights
from thawline.errors import LayerGroupError, PolicyError

architectures = pytest.mark.parametrize("name", CONFIGS)


@architectures
def test_groups_are_embeddings_blocks_and_head(encoders: dict[str, Encoder], name: str):
    classifier = make_classifier(encoders[name])
    assert classifier.groups == ("embeddings", "block_0", "block_1", "block_2", "head")


@architectures
def test_every_parameter_is_in_exactly_one_group(encoders: dict[str, Encoder], name: str):
    classifier = make_classifier(encoders[name])
    grouped = [id(parameter) for group in classifier.layer_groups() for parameter in group.parameters]
    assert sorted(grouped) == sorted(id(parameter) for parameter in classifier.parameters())


@architectures
def test_every_parameter_of_a_trainable_block_gets_a_gradient(encoders: dict[str, Encoder], rows: TokenRows, name: str):
    classifier = make_classifier(encoders[name])
    apply_phase(classifier, phase(*classifier.groups))
    classifier(rows.batch([0, 1, 2])).pow(2).sum().backward()
    idle = {path for path, parameter in classifier.named_parameters() if parameter.grad is None}
    assert {path for path in idle if "embedding" not in path.lower()} == set()


@architectures
@pytest.mark.parametrize("pooling", ["mean", "all_layers"])
@pytest.mark.parametrize("boundary", [1, 2, 3])
def test_forward_from_a_boundary_equals_the_whole_forward(
    encoders: dict[str, Encoder], rows: TokenRows, name: str, boundary: int, pooling: str
):
    classifier = make_classifier(encoders[name], pooling=pooling)
    batch = rows.batch([3, 1, 4, 5])
    with torch.inference_mode():
        found = classifier.capture(places(classifier, boundary), batch)
        states = found[Place(boundary, pooled=False)]
        states *= batch["attention_mask"][..., None]
        logits = classifier.forward_from(start(classifier, boundary, found), batch)
    torch.testing.assert_close(logits, classifier(batch), rtol=0, atol=1e-6)


@architectures
@pytest.mark.parametrize(("pooling", "size"), [("mean", 32), ("all_layers", 2 * 2 * 32)])
def test_a_head_runs_from_pooled_vectors(
    encoders: dict[str, Encoder], rows: TokenRows, name: str, pooling: str, size: int
):
    classifier = make_classifier(encoders[name], pooling=pooling)
    batch = rows.batch([3, 1, 4, 5])
    found = classifier.capture([classifier.head_place], batch)
    assert found[classifier.head_place].shape == (4, size) == (4, classifier.num_features)
    begun = start(classifier, classifier.pooled_boundary, found)
    assert torch.equal(classifier.forward_from(begun, batch), classifier(batch))


def test_lower_and_upper_layers_are_pooled_by_mean_and_maximum_each_normalised(encoder: Encoder, rows: TokenRows):
    classifier = make_classifier(encoder, pooling="all_layers")
    batch = rows.batch([3, 4])
    with torch.inference_mode():
        vectors = classifier.capture([classifier.head_place], batch)[classifier.head_place]
        layers = classifier.network(**batch, output_hidden_states=True).hidden_states
    for row, length in enumerate(batch["attention_mask"].sum(dim=1)):
        parts = []
        for states in layers[1:]:  # those of the three blocks
            tokens = states[row, :length]
            both = [(part - part.mean()) / part.std(correction=0) for part in (tokens.mean(0), tokens.amax(0))]
            parts.append(torch.cat(both))
        expected = torch.cat([(parts[0] + parts[1]) / 2, parts[2]])
        torch.testing.assert_close(vectors[row], expected, rtol=0, atol=1e-3)
    assert torch.equal(classifier.upper_layers(vectors), vectors[:, 64:96])


@architectures
def test_states_of_a_row_do_not_depend_on_its_neighbours(encoders: dict[str, Encoder], rows: TokenRows, name: str):
    classifier = make_classifier(encoders[name], pooling="all_layers")
    there = states, below, pooled = places(classifier, 2, 4)
    alike = [i for i in range(len(rows)) if rows.padded_lengths[i] == 24]
    alone = compute_states(classifier, rows, torch.tensor(alike[5:6]).numpy(), there)
    among = compute_states(classifier, rows, torch.tensor(alike[:16]).numpy(), there)
    first = rows.lengths[alike[:5]].sum()
    assert (among[states][first : first + rows.lengths[alike[5]]] == alone[states]).all()
    assert (among[pooled][5] == alone[pooled][0]).all()
    assert (among[below][5] == alone[below][0]).all()


@pytest.mark.parametrize("pooling", ["mean", "all_layers"])
def test_several_boundaries_are_captured_in_one_pass_from_any_start(encoder: Encoder, rows: TokenRows, pooling: str):
    classifier = make_classifier(encoder, pooling=pooling)
    batch = rows.batch([3, 1, 4, 5])
    whole = classifier.capture(places(classifier, 1, 2, 3, 4), batch)
    later = classifier.capture(places(classifier, 3, 4), batch, start=start(classifier, 2, whole))
    assert later
    assert all(torch.equal(later[place], whole[place]) for place in later)


def test_what_runs_after_the_last_block_belongs_to_it(encoders: dict[str, Encoder]):
    assert encoders["modernbert"].structure.group_of("final_norm.weight") == "block_2"


@pytest.mark.parametrize(
    ("name", "path"),
    [("mpnet", "encoder.relative_attention_bias.weight"), ("deberta-v2", "encoder.rel_embeddings.weight")],
)
def test_tables_that_all_blocks_share_are_below_all_blocks(encoders: dict[str, Encoder], name: str, path: str):
    assert encoders[name].structure.group_of(path) == "embeddings"
    assert encoders[name].network.get_parameter(path) is not None


def test_a_pooler_that_never_reaches_the_output_is_dropped(encoders: dict[str, Encoder]):
    assert encoders["bert"].dropped == ("pooler",)
    assert not any("pooler" in name for name, _ in make_classifier(encoders["bert"]).named_parameters())


def test_classifiers_of_one_encoder_do_not_touch_each_other(encoder: Encoder, rows: TokenRows):
    first, second = make_classifier(encoder), make_classifier(encoder)
    before = weights(second)
    apply_phase(first, phase("block_2", "head"))
    with torch.no_grad():
        for parameter in first.parameters():
            if parameter.requires_grad:
                parameter.add_(1)
    assert all(torch.equal(tensor, before[name]) for name, tensor in second.state_dict().items())
    assert not torch.equal(first(rows.batch([0])), second(rows.batch([0])))


def test_frozen_weights_are_shared_with_the_encoder(encoder: Encoder, classifier: Classifier):
    apply_phase(classifier, phase("block_2", "head"))
    shared = {id(parameter) for parameter in encoder.network.parameters()}
    own = {name for name, parameter in classifier.named_parameters() if id(parameter) not in shared}
    assert own == {name for name, _ in classifier.named_parameters() if "layer.2." in name or "head." in name}


def test_an_encoder_never_takes_gradients(encoder: Encoder, classifier: Classifier, rows: TokenRows):
    apply_phase(classifier, phase(*classifier.groups))
    classifier(rows.batch([0, 1])).sum().backward()
    assert not any(parameter.requires_grad for parameter in encoder.network.parameters())
    assert all(parameter.grad is None for parameter in encoder.network.parameters())


def test_a_seed_gives_the_same_head(encoder: Encoder):
    one, same, other = (make_classifier(encoder, seed=seed, layers=1).head.state_dict() for seed in (3, 3, 4))
    assert all(torch.equal(one[name], same[name]) for name in one)
    assert not any(torch.equal(one[name], other[name]) for name in one)


def test_unfreezing_an_unknown_group_names_the_known_ones(classifier: Classifier):
    with pytest.raises(PolicyError, match=r"no layer group is called block_7; the model has embeddings, block_0"):
        classifier.unfreeze(["block_7"])


def test_a_parameter_outside_all_groups_is_named(classifier: Classifier):
    classifier.temperature = torch.nn.Parameter(torch.ones(1))
    with pytest.raises(LayerGroupError, match=r"parameters in no layer group: temperature"):
        classifier.layer_groups()


def test_a_network_that_cannot_be_split_says_so(caplog: pytest.LogCaptureFixture, tmp_path):
    import transformers

    from models.encoders.loading import load_encoder
    from tests.unit.models.conftest import BERT_LIKE, save_encoder

    config = transformers.IBertConfig(**BERT_LIKE)  # whose blocks give their states with a scale beside them
    encoder = load_encoder(str(save_encoder(config, tmp_path)), root=tmp_path)
    assert encoder.structure.splits == set()
    assert "can't be split at boundaries [1, 2, 3]: there, phases train without stored activations" in caplog.text
