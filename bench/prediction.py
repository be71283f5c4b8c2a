"""How fast a million rows are predicted, and in how much memory: `python -m bench.prediction TABLE [ROWS]`.

TABLE is the flights' Parquet file; it is repeated until ROWS rows are there (a million, if none is said). The model is
gradient boosting on 50,000 of its rows, saved and loaded as a registered model is; what is timed is what `thawline
predict` does: read, predict and write in parts.
"""

import sys
import tempfile
import time
from pathlib import Path

import pyarrow.parquet as pq

from modalities import get_modality
from modalities.predictor import load_predictor, save_baseline
from tasks.judging.prediction import predict_chunks
from thawline.formats.frame_writers import writing_frames
from thawline.params.file import load_params
from thawline.system.memory import peak_memory_bytes
from thawline.workspace import Workspace

FLIGHTS = Path(__file__).resolve().parents[1] / "examples" / "flights"
NUM_TRAINING_ROWS = 50_000
BASELINE = "gradient_boosting"


def main(table: Path, num_rows: int) -> None:
    params = load_params(Workspace(FLIGHTS))
    modality = get_modality(params.modality)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        part = next(pq.ParquetFile(table).iter_batches(NUM_TRAINING_ROWS)).to_pandas()
        part.to_parquet(root / "part.parquet")
        rows, _ = modality.prepare(modality.read(root / "part.parquet", params), params)
        classes = sorted(rows["label"].unique())
        estimator = modality.baselines[BASELINE](params).fit(
            modality.baseline_input(rows), rows["label"].map(classes.index).to_numpy()
        )
        save_baseline(root / "model", estimator, params=modality.settle(rows, params), classes=classes)
        predictor = load_predictor(root / "model")
        size_bytes = repeat(table, root / "many.parquet", num_rows, drop=params.ingest.label_column)
        del part, rows, estimator
        before = peak_memory_bytes()
        started = time.perf_counter()
        done = 0
        with writing_frames(root / "out.parquet") as write:
            for answer in predict_chunks(
                predictor, modality.stream(root / "many.parquet", predictor.params), name="", version=""
            ):
                write(answer)
                done += len(answer)
        seconds = time.perf_counter() - started
        written = pq.ParquetFile(root / "out.parquet").metadata.num_rows
    print(f"{done:,} rows ({size_bytes / 1e6:.0f} MB), {written:,} written, in {seconds:.1f} s")
    print(f"{done / seconds:,.0f} rows a second")
    print(f"peak memory {peak_memory_bytes() / 1e9:.2f} GB, of which training and libraries had {before / 1e9:.2f} GB")


def repeat(table: Path, target: Path, num_rows: int, *, drop: str) -> int:
    """Write `num_rows` rows of `table`, without the label, a batch at a time; return the size in bytes."""
    written = 0
    with pq.ParquetFile(table) as file:
        columns = [name for name in file.schema_arrow.names if name != drop]
        schema = pa_schema(file, columns)
        with pq.ParquetWriter(target, schema) as writer:
            while written < num_rows:
                for batch in file.iter_batches(20_000, columns=columns):
                    part = batch.slice(0, num_rows - written)
                    if part.num_rows:
                        writer.write_batch(part.cast(schema))
                    written += part.num_rows
    return target.stat().st_size


def pa_schema(file: pq.ParquetFile, columns: list[str]):  # type: ignore[no-untyped-def]
    return file.read_row_group(0, columns=columns).schema.remove_metadata()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000)
