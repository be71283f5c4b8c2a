"""A decoder of three billion random weights, streamed and loaded whole: `python -m bench.larger_than_memory DIRECTORY`.

The network (the sizes of Qwen2.5-3B, 36 blocks, in bfloat16 and four files, 6.2 GB) is made in DIRECTORY if it is not
there, with the tokenizer of the default encoder. Then a process of its own, with `model.stream: always` or, with
`--whole`, `never`, sends 100 short mails through it: the frozen pass, an exact head, a phase of the top block from the
store, a saved version, and its answers. Said are the seconds of each step and the most that was resident until its end:
of memory of the process's own (anonymous), and of files that it has mapped, such as libraries.
"""

import argparse
import dataclasses
import json
import re
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import torch
import transformers
from accelerate import init_empty_weights
from safetensors.torch import save_file

from bench.engine import top_phase
from bench.rows import ROOT
from models.activations.store import ActivationStore
from models.classifiers.classifier import build_classifier
from models.classifiers.linear_heads import put_linear_head
from models.classifiers.saving import load_classifier, save_classifier
from models.encoders.catalogue import MINILM
from models.encoders.loading import load_encoder, resolve_encoder
from models.encoders.tokenizing import tokenize, tokenize_with
from models.heads.head import HeadSpec
from models.heads.linear import HeadProblem
from models.training.loop import predict_probabilities, train
from models.training.records import TrainingData, TrainSettings

NUM_ROWS, NUM_ANSWERED, MAX_TOKENS, NUM_FILES = 100, 16, 16, 4
SIZES = {
    "vocab_size": 151_936,
    "hidden_size": 2048,
    "intermediate_size": 11_008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "max_position_embeddings": 32_768,
    "pad_token_id": 0,
}


def make_decoder(directory: Path) -> None:
    """Write the network file by file, so that making it takes no more memory than one of them."""
    config = transformers.Qwen2Config(**SIZES, dtype="bfloat16", architectures=["Qwen2Model"])
    with init_empty_weights():
        weights = transformers.AutoModel.from_config(config).state_dict()
    names = sorted(weights)
    generator = torch.Generator().manual_seed(0)
    placed: dict[str, str] = {}
    for number, part in enumerate(np.array_split(np.array(names, dtype=object), NUM_FILES), 1):
        file = f"model-{number:05d}-of-{NUM_FILES:05d}.safetensors"
        tensors = {}
        for name in part:
            drawn = torch.empty(weights[name].shape, dtype=torch.bfloat16).normal_(std=0.02, generator=generator)
            tensors[name] = drawn + 1 if name.endswith("norm.weight") else drawn
        save_file(tensors, directory / file, metadata={"format": "pt"})
        placed |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": placed}
    (directory / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    minilm = resolve_encoder(MINILM.encoder, root=ROOT).location
    transformers.AutoTokenizer.from_pretrained(minilm).save_pretrained(directory)
    config.save_pretrained(directory)


class Watch:
    """The most memory that this process has had, looked at a hundred times a second, and the seconds of its steps."""

    def __init__(self) -> None:
        self.steps: dict[str, dict[str, float]] = {}
        self._most = {"RssAnon": 0.0, "RssFile": 0.0, "VmRSS": 0.0}
        threading.Thread(target=self._look, daemon=True).start()

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        """Measure a step."""
        self._most = dict.fromkeys(self._most, 0.0)
        started = time.perf_counter()
        yield
        found = {"seconds": time.perf_counter() - started, **{f"{key}_gb": most for key, most in self._most.items()}}
        self.steps[name] = {key: round(value, 2) for key, value in found.items()}
        print(name, json.dumps(self.steps[name]), flush=True)

    def _look(self) -> None:
        while True:
            status = Path("/proc/self/status").read_text(encoding="ascii")
            for key, size in re.findall(r"^(\w+):\s+(\d+) kB", status, flags=re.MULTILINE):
                if key in self._most:
                    self._most[key] = max(self._most[key], int(size) * 1024 / 1e9)
            time.sleep(0.01)


def measure(directory: Path, place: Path, stream: str) -> None:
    """Take all steps, and print what each took."""
    watch = Watch()
    mails = pd.read_csv(ROOT / "examples" / "spam" / "mails.csv.xz", keep_default_na=False).iloc[:NUM_ROWS]
    labels = (mails["label"] == "spam").to_numpy().astype(np.int64)
    with watch.step("load"):
        encoder = load_encoder(str(directory), root=ROOT, settings={"stream": stream, "attention_dropout": 0.0})
    rows = tokenize(encoder, mails["text"].tolist(), max_tokens=MAX_TOKENS)
    classifier = build_classifier(encoder, num_classes=2, head=HeadSpec(), pooling="last_token", seed=0)
    store, top = ActivationStore(place / "store"), classifier.pooled_boundary - 1
    with watch.step("frozen pass"):
        store.fill(classifier, rows, (top, classifier.pooled_boundary))
    with watch.step("probe"):
        vectors = store.open(classifier, rows, classifier.pooled_boundary).batch(np.arange(NUM_ROWS), 1).numpy()
        problem, learned = HeadProblem(vectors[None], labels, 2), np.arange(80)
        put_linear_head(classifier, problem.solve(learned, problem.choose_strength(learned, learned % 5)))
    data = TrainingData(rows=rows, labels=labels, train=learned, inner=np.arange(80, NUM_ROWS))
    with watch.step("top block, an epoch"):
        phase = dataclasses.replace(top_phase(classifier.groups), num_epochs=1)
        list(train(classifier, [phase], data, TrainSettings(batch_size=16, device="cpu"), store))
    with watch.step("save"):
        save_classifier(classifier, encoder.processor, place / "saved", settings={}, encoder=encoder)
    del classifier, encoder, store
    with watch.step("load the version"):
        loaded, tokenizer, _ = load_classifier(place / "saved")
    with watch.step(f"answer {NUM_ANSWERED} rows"):
        texts = mails["text"].tolist()[:NUM_ANSWERED]
        answers = predict_probabilities(loaded, tokenize_with(tokenizer, texts, max_tokens=MAX_TOKENS))
    size = sum(path.stat().st_size for path in (place / "saved").rglob("*") if path.is_file())
    print(f"stream {stream}; the version takes {size / 1e6:.0f} MB; answers {answers[:3, 1].tolist()}")


def main() -> None:
    """Make the network if need be, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory", type=Path)
    parser.add_argument("--whole", action="store_true", help="load the network whole: takes some 20 GB")
    options = parser.parse_args()
    if not (options.directory / "config.json").is_file():
        options.directory.mkdir(parents=True, exist_ok=True)
        make_decoder(options.directory)
    place = options.directory / ("whole" if options.whole else "streamed")
    shutil.rmtree(place, ignore_errors=True)
    measure(options.directory, place, "never" if options.whole else "always")


if __name__ == "__main__":
    main()
