"""What an encoder for tables promises: its rows, its pretraining, and that the engine treats it as any other."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from models.activations.store import ActivationStore
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.families import get_family
from models.encoders.ft_transformer import TableShape, build_network, piece_edges, table_probe
from models.encoders.loading import Encoder, load_encoder
from models.inputs.augmentation import Augmentation
from models.inputs.table_rows import MISSING_CODE, OTHER_CODE, CellChange, TableColumns, fit_columns
from models.tables.pretraining import PretrainSettings, pretrain
from models.tables.table_encoders import TableSettings, fit_encoder
from models.training.loop import predict_probabilities, train
from models.training.records import TrainingData, TrainSettings
from tests.unit.models.conftest import make_classifier, phase
from thawline.errors import EncoderNotFoundError

TABLE = TableSettings(width=16, num_heads=2, num_blocks=3, num_pieces=4, min_category_rows=3)
PRETRAINING = PretrainSettings(num_epochs=1, batch_size=32)
HEAD = phase("head", num_epochs=4, rate=3e-2)
TOP_TWO = phase("block_1", "block_2", "head", num_epochs=2)


def features(num_rows: int = 90, *, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(num_rows, 3)) * [1, 100, 1e-3]
    numbers[rng.random(numbers.shape) < 0.1] = np.nan
    cities = rng.choice(["Bonn", "Köln", "Ulm", None], num_rows, p=[0.4, 0.3, 0.25, 0.05])
    return pd.DataFrame(numbers, columns=["a", "b", "c"]).assign(city=pd.Series(cities, dtype=object))


def labels(table: pd.DataFrame) -> np.ndarray:
    return ((table["a"].fillna(0) > 0) ^ (table["city"] == "Ulm")).to_numpy(np.int64)


def fit(table: pd.DataFrame, directory: Path, settings: TableSettings = TABLE, **pretraining: object) -> Encoder:
    *_, encoder = fit_encoder(table, settings, dataclasses.replace(PRETRAINING, **pretraining), directory=directory)
    return encoder


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Encoder:
    return fit(features(), tmp_path_factory.mktemp("encoders"))


@pytest.fixture(scope="module")
def data(encoder: Encoder) -> TrainingData:
    order = np.random.default_rng(1).permutation(90)
    rows = encoder.processor.rows(features())
    return TrainingData(rows, labels(features()), order[:60], order[60:75], order[75:])


def columns(table: pd.DataFrame, **settings: object) -> TableColumns:
    return fit_columns(table, **{"scale": "quantile", "min_category_rows": 3, "max_categories": 100, **settings})


@pytest.mark.parametrize("scale", ["standard", "quantile"])
def test_scaled_numbers_keep_order_and_gaps(scale: str):
    table = features(500)
    rows = columns(table, scale=scale).rows(table)
    for number, name in enumerate("abc"):
        known = table[name].notna().to_numpy()
        assert np.array_equal(np.isnan(rows.numbers[:, number]), ~known)
        scaled = rows.numbers[known, number]
        assert (np.diff(scaled[np.argsort(table.loc[known, name])]) >= 0).all()
        assert abs(scaled.mean()) < 0.1
        assert scaled.std() == pytest.approx(1, abs=0.1)


@pytest.mark.parametrize("scale", ["standard", "quantile"])
@pytest.mark.parametrize(
    "values",
    [
        pytest.param([5.0] * 20, id="constant"),
        pytest.param([np.nan] * 20, id="all missing"),
        pytest.param([0.0] * 19 + [1e300], id="one giant"),
        pytest.param([np.inf, -np.inf, *[1.0, 2.0] * 9], id="infinite"),
        pytest.param([0.0, 1.0] * 10, id="two values"),
        pytest.param([1e-300 * i for i in range(20)], id="tiny"),
        pytest.param([2.0**60 + 2**10 * i for i in range(20)], id="close together"),
    ],
)
def test_odd_numbers_stay_finite_through_the_network(values: list[float], scale: str):
    table = pd.DataFrame({"x": values})
    fitted = columns(table, scale=scale)
    rows = fitted.rows(pd.DataFrame({"x": [*values, -1e308, 1e308, np.inf, np.nan]}))
    known = rows.numbers[:20, 0][~np.isnan(rows.numbers[:20, 0])]
    network = build_network(TableShape((piece_edges(known, 8),), (), hidden_size=8, num_heads=2), seed=0)
    with torch.no_grad():
        hidden = network(**rows.batch(np.arange(len(rows)))).last_hidden_state
    assert torch.isfinite(hidden).all()
    assert hidden.abs().max() < 100


def test_categories_have_codes_for_missing_and_for_rare_or_unknown():
    table = pd.DataFrame({"city": ["Bonn"] * 5 + ["Köln"] * 4 + ["Ulm"] * 2 + [None]}, dtype=object)
    fitted = columns(table)
    assert fitted.categories[0].known == ("Bonn", "Köln")
    new = pd.DataFrame({"city": ["Bonn", "Köln", "Ulm", "Paris", None, np.nan]}, dtype=object)
    assert fitted.rows(new).codes[:, 0].tolist() == [2, 3, OTHER_CODE, OTHER_CODE, MISSING_CODE, MISSING_CODE]
    assert columns(table, max_categories=1).categories[0].known == ("Bonn",)


def test_what_is_fitted_is_fitted_on_the_rows_given_alone():
    table = features(100)
    assert columns(table.head(50)) != columns(table)
    assert columns(table.head(50)) == columns(table.head(50).copy())


def test_columns_come_back_from_json():
    fitted = columns(features())
    assert TableColumns.from_json(fitted.as_json()) == fitted


def test_rows_have_equal_keys_exactly_where_the_network_sees_the_same():
    table = pd.concat([features(20), features(20).head(5)], ignore_index=True)
    table.loc[24, "city"] = "Köln" if table.loc[24, "city"] != "Köln" else "Bonn"
    keys = columns(table).rows(table).keys
    assert keys[20:24] == keys[:4]
    assert keys[24] != keys[4]
    assert len(set(keys)) == 21


def test_a_missing_number_is_told_from_every_number():
    fitted = columns(features())
    rows = fitted.rows(features())
    network = build_network(TableShape(tuple(piece_edges(c[~np.isnan(c)], 4) for c in rows.numbers.T), (5,)), seed=0)
    batch = table_probe(network.config)
    with torch.no_grad():
        hidden = network(**batch).last_hidden_state[1]
        for number in (-1.0, 0.0, 1.0):
            other = network(**{**batch, "numbers": torch.full((2, 3), number)}).last_hidden_state[1]
            assert (hidden - other).abs().max() > 1e-3


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_corruption_takes_cells_of_donors_in_the_same_column(share: float):
    table = features(400)
    rows = columns(table).rows(table)
    indices, donors = np.arange(200), np.arange(200, 400)
    batch = rows.corrupted_batch(indices, donors=donors, share=share, rng=np.random.default_rng(0))
    before = rows.batch(indices)
    changed = (batch["numbers"].nan_to_num(99) != before["numbers"].nan_to_num(99)).numpy()
    assert changed.mean() == pytest.approx(share, abs=0.05)
    for number in range(3):
        given = batch["numbers"][changed[:, number], number].numpy()
        assert np.isin(np.nan_to_num(given, nan=99), np.nan_to_num(rows.numbers[donors, number], nan=99)).all()
    assert np.array_equal(rows.numbers[indices], before["numbers"].numpy(), equal_nan=True)


@pytest.mark.parametrize("embedding", ["piecewise_linear", "periodic"])
def test_pretraining_learns_and_the_same_seed_gives_the_same_bits(embedding: str):
    table = features(300)
    table["b"] = table["a"] * 2
    fitted = columns(table)
    rows = fitted.rows(table)
    edges = tuple(piece_edges(column[~np.isnan(column)], 4) for column in rows.numbers.T)
    shape = TableShape(
        edges, (fitted.categories[0].num_codes,), hidden_size=16, num_heads=2, num_blocks=1, number_embedding=embedding
    )
    settings = PretrainSettings(num_epochs=10, batch_size=32, learning_rate=1e-2)
    first, second = build_network(shape, seed=0), build_network(shape, seed=0)
    torch.manual_seed(1)
    records = list(pretrain(first, rows, settings))
    torch.manual_seed(2)
    list(pretrain(second, rows, settings))
    assert records[-1].reconstruction < 0.8 * records[0].reconstruction
    assert records[-1].contrast < 0.9 * records[0].contrast
    for (name, one), other in zip(first.state_dict().items(), second.state_dict().values(), strict=True):
        assert torch.equal(one, other), name
    assert not first.training
    assert not any(parameter.requires_grad for parameter in first.parameters())


def test_pretraining_draws_at_most_so_many_rows():
    table = features(200)
    rows = columns(table).rows(table)
    asked: list[int] = []

    class Watched(type(rows)):
        def batch(self, indices):
            asked.extend(indices.tolist())
            return super().batch(indices)

    shape = TableShape(tuple(piece_edges(c[~np.isnan(c)], 4) for c in rows.numbers.T), (9,), 16, 1, 2)
    watched = Watched(rows.numbers, rows.codes, rows.row_ids)
    list(pretrain(build_network(shape, seed=0), watched, dataclasses.replace(PRETRAINING, max_rows=50)))
    assert len(set(asked)) == 50


def test_an_encoder_is_made_once_and_kept(tmp_path: Path):
    first = list(fit_encoder(features(), TABLE, PRETRAINING, directory=tmp_path))
    again = list(fit_encoder(features(), TABLE, PRETRAINING, directory=tmp_path))
    assert (len(first), len(again)) == (2, 1)
    assert again[0].weights_hash == first[1].weights_hash
    assert again[0].processor == first[1].processor


def test_other_rows_or_settings_have_an_encoder_of_their_own(tmp_path: Path):
    known = {
        fit(features(), tmp_path).weights_hash,
        fit(features(80), tmp_path).weights_hash,
        fit(features(), tmp_path, num_epochs=0).weights_hash,
        fit(features(), tmp_path, corrupted_share=0.5).weights_hash,
        fit(features(), tmp_path, dataclasses.replace(TABLE, num_blocks=1)).weights_hash,
    }
    assert len(known) == 5


@pytest.mark.parametrize("damage", ["flip", "cut", "remove"])
def test_a_damaged_encoder_is_noticed_and_made_again(tmp_path: Path, damage: str, caplog):
    expected = fit(features(), tmp_path).weights_hash
    (path,) = tmp_path.glob("*/network.safetensors")
    content = bytearray(path.read_bytes())
    content[-3] ^= 64
    path.write_bytes(content if damage == "flip" else content[:500])
    if damage == "remove":
        path.unlink()
    assert fit(features(), tmp_path).weights_hash == expected
    assert "made again" in caplog.text


def test_an_encoder_loads_by_its_directory(tmp_path: Path):
    made = fit(features(), tmp_path)
    loaded = load_encoder(made.source.location, root=tmp_path, takes="cells of a table")
    assert loaded.weights_hash == made.weights_hash
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "config.json").write_text("{}")
    with pytest.raises(EncoderNotFoundError, match="no encoder for tables"):
        load_encoder("other", root=tmp_path, takes="cells of a table")


def test_every_parameter_is_in_a_layer_group_and_every_boundary_splits(encoder: Encoder):
    classifier = make_classifier(encoder)
    assert classifier.groups == ("embeddings", "block_0", "block_1", "block_2", "head")
    assert encoder.structure.splits == {1, 2, 3}
    assert encoder.dropped == ()


@pytest.mark.parametrize("kind", ["numbers", "categories"])
def test_a_table_of_one_kind_of_columns_works(tmp_path: Path, kind: str):
    table = features()[["a", "b"]] if kind == "numbers" else features()[["city"]]
    encoder = fit(table, tmp_path / "encoders")
    classifier = make_classifier(encoder)
    save_classifier(classifier, encoder.processor, tmp_path / "saved", settings={})
    loaded, processor, _ = load_classifier(tmp_path / "saved")
    rows = processor.rows(table)
    assert np.array_equal(predict_probabilities(loaded, rows), predict_probabilities(classifier, rows))


@pytest.mark.parametrize("phases", [[HEAD], [TOP_TWO], [HEAD, TOP_TWO]], ids=["head", "two", "both"])
def test_training_from_the_store_equals_training_without_it_to_the_bit(
    encoder: Encoder, data: TrainingData, tmp_path: Path, phases: list
):
    stored, live = make_classifier(encoder), make_classifier(encoder)
    settings = TrainSettings(batch_size=16, device="cpu")
    records = [
        [dataclasses.replace(record, seconds=0.0) for record in train(model, phases, data, settings, store)]
        for model, store in ((stored, ActivationStore(tmp_path)), (live, None))
    ]
    assert records[0] == records[1]
    weights = zip(stored.state_dict().items(), live.state_dict().values(), strict=True)
    assert [name for (name, one), other in weights if not torch.equal(one, other)] == []


def test_a_saved_classifier_predicts_the_same(encoder: Encoder, data: TrainingData, tmp_path: Path):
    classifier = make_classifier(encoder)
    list(train(classifier, [TOP_TWO], data, TrainSettings(batch_size=16, device="cpu")))
    save_classifier(classifier, encoder.processor, tmp_path, settings={"a": 1})
    loaded, processor, settings = load_classifier(tmp_path)
    assert settings == {"a": 1}
    assert processor == encoder.processor
    assert np.array_equal(predict_probabilities(loaded, data.rows), predict_probabilities(classifier, data.rows))
    assert get_family("tables") is loaded.family


EVERYTHING = phase("embeddings", "block_0", "block_1", "block_2", "head", num_epochs=2)


def losses(encoder: Encoder, data: TrainingData, phases: list, share: float | None) -> list[float]:
    augmented = dataclasses.replace(data, augment=None if share is None else Augmentation(CellChange(share)))
    settings = TrainSettings(batch_size=16, device="cpu")
    return [record.train_loss for record in train(make_classifier(encoder), phases, augmented, settings)]


def test_augmentation_is_live_where_everything_trains_and_drawn_from_the_seed(encoder: Encoder, data: TrainingData):
    plain, changed = (losses(encoder, data, [EVERYTHING], share) for share in (None, 0.5))
    assert plain != changed
    assert losses(encoder, data, [EVERYTHING], 0.5) == changed
    assert losses(encoder, data, [EVERYTHING], 0.0) == plain


def test_augmentation_is_off_over_frozen_layers_and_the_log_says_so(encoder: Encoder, data: TrainingData, caplog):
    caplog.set_level("INFO")
    assert losses(encoder, data, [HEAD], 0.5) == losses(encoder, data, [HEAD], None)
    assert caplog.text.count("'head': these read stored states") == 1
