"""Tiny encoders with random weights, made from configs, saved as any encoder is saved."""

from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing

from models.classifiers.classifier import Classifier, build_classifier
from models.classifiers.parts import Place, Start
from models.encoders.loading import Encoder, load_encoder
from models.encoders.tokenizing import tokenize
from models.heads.head import HeadSpec
from models.inputs.rows import TokenRows
from models.training.policies import Phase
from models.training.records import TrainingData, TrainSettings

VOCAB_SIZE = 60
SMALL = {"vocab_size": VOCAB_SIZE, "max_position_embeddings": 66, "pad_token_id": 1}
BERT_LIKE = {
    **SMALL,
    "hidden_size": 32,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 48,
}
RELATIVE = {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}
DISENTANGLED = {**RELATIVE, "position_buckets": 8, "norm_rel_ebd": "layer_norm", "share_att_key": True}
CONFIGS = {
    "bert": lambda: transformers.BertConfig(**BERT_LIKE),
    "roberta": lambda: transformers.RobertaConfig(**BERT_LIKE),
    "distilbert": lambda: transformers.DistilBertConfig(**SMALL, dim=32, n_layers=3, n_heads=4, hidden_dim=48),
    "deberta-v2": lambda: transformers.DebertaV2Config(**BERT_LIKE, **DISENTANGLED),
    "modernbert": lambda: transformers.ModernBertConfig(
        **BERT_LIKE,
        cls_token_id=2,
        sep_token_id=3,
        bos_token_id=2,
        eos_token_id=3,
        global_attn_every_n_layers=2,
        local_attention=8,
    ),
    "mpnet": lambda: transformers.MPNetConfig(**BERT_LIKE, bos_token_id=2, eos_token_id=3),
}


def save_encoder(config: transformers.PretrainedConfig, directory: Path, *, seed: int = 0) -> Path:
    """Write a random network and a word tokenizer."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        transformers.AutoModel.from_config(config).save_pretrained(directory)
    words = ["[UNK]", "[PAD]", "[CLS]", "[SEP]", *[f"w{i}" for i in range(VOCAB_SIZE - 4)]]
    tokenizer = Tokenizer(WordLevel({word: i for i, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = WhitespaceSplit()
    tokenizer.post_processor = TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(directory)
    return directory


def make_texts(num_rows: int, *, seed: int = 0) -> tuple[list[str], np.ndarray]:
    """Return texts of 1 to 30 words and labels that a third of the words give away."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, num_rows)
    texts = []
    for label in labels:
        words = rng.integers(0, VOCAB_SIZE - 4, rng.integers(1, 31))
        given = rng.random(len(words)) < 0.35
        words[given] = rng.integers(0, 5, given.sum()) + 5 * label
        texts.append(" ".join(f"w{i}" for i in words))
    return texts, labels.astype(np.int64)


def make_classifier(encoder: Encoder, *, seed: int = 0, pooling: str = "mean", **head: object) -> Classifier:
    return build_classifier(encoder, num_classes=2, head=HeadSpec(**head), pooling=pooling, seed=seed)


def places(classifier: Classifier, *boundaries: int) -> list[Place]:
    return [place for boundary in boundaries for place in classifier.places_at(boundary)]


def start(classifier: Classifier, boundary: int, found: dict[Place, torch.Tensor]) -> Start:
    return Start(boundary, *(found[place] for place in classifier.places_at(boundary)))


def phase(*trainable: str, num_epochs: int = 2, rate: float = 1e-3, **fields: object) -> Phase:
    values = {"name": "+".join(trainable), "patience": 9, "learning_rates": (rate,) * len(trainable), **fields}
    return Phase(trainable=trainable, num_epochs=num_epochs, **values)


def weights(classifier: Classifier) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in classifier.state_dict().items()}


@pytest.fixture(scope="session", autouse=True)
def _one_thread():
    """Tiny products gain nothing from threads, and lose much when other tests hold the cores."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


@pytest.fixture(scope="session")
def encoders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Encoder]:
    root = tmp_path_factory.mktemp("encoders")
    for name, make_config in CONFIGS.items():
        save_encoder(make_config(), root / name)
    return {name: load_encoder(name, root=root) for name in CONFIGS}


@pytest.fixture(scope="session")
def encoder(encoders: dict[str, Encoder]) -> Encoder:
    return encoders["bert"]


@pytest.fixture
def classifier(encoder: Encoder) -> Classifier:
    return make_classifier(encoder)


@pytest.fixture(scope="session")
def rows(encoder: Encoder) -> TokenRows:
    return tokenize(encoder, make_texts(90)[0], max_tokens=24)


@pytest.fixture(scope="session")
def data(rows: TokenRows) -> TrainingData:
    order = np.random.default_rng(1).permutation(90)
    return TrainingData(rows, make_texts(90)[1], order[:60], order[60:75], order[75:])


@pytest.fixture(scope="session")
def settings() -> TrainSettings:
    return TrainSettings(batch_size=16, device="cpu")
