"""The page of benchmarks says what was measured: medians, ratios, what is extrapolated, and what could not be had."""

from pathlib import Path

from bench import results
from bench.environments import first_error
from bench.report import NO_GPU, gpu_section, page
from bench.rows import ROOT


def _entry(side: str, seconds: float | None, **values: object) -> dict[str, object]:
    told = {
        "fold_seconds": [1.0],
        "f1_macro": [0.9, 0.8],
        "processor_seconds": seconds,
        "process_seconds": 1.0,
        "peak_bytes": 10**9,
    }
    return {"side": side, "title": f"the {side}", "seconds": seconds, **told, **values}


def test_page_shows_medians_ratios_and_reasons(tmp_path: Path) -> None:
    for repeat, seconds in enumerate((10.0, 30.0, 11.0)):
        entry = _entry("thawline", seconds, repeat=repeat)
        results.save("W1", "folds", [entry], threads=2, facts={"num_rows": 7}, place=tmp_path)
    others = [
        _entry("slow", 55.0, extrapolated="from 1 of 5 folds"),
        {"side": "gone", "title": "the gone", "seconds": None, "reason": "not installed: ERROR: no such package"},
    ]
    results.save("W1", "folds", others, threads=2, facts={"num_rows": 7}, place=tmp_path)
    text = page(results.load(tmp_path))
    assert "| the thawline | 11.0 | 11.0 | 1.0 | 1.0 | 0.8500 ± 0.0707 | 1.0 GB |  |" in text
    assert "| the slow | 55.0 | 55.0 | 5.0 | 1.0 |" in text
    assert "| extrapolated: from 1 of 5 folds; ours scores 0.8500 there |" in text
    assert "| the gone | | | | | | | not installed: ERROR: no such package |" in text
    assert "2 threads" in text
    assert "Not measured yet: `python -m bench W6`" in text


def test_figures_of_other_settings_do_not_stay_in_a_table(tmp_path: Path) -> None:
    results.save("W1", "folds", [_entry("old", 1.0)], threads=1, facts={"num_rows": 7}, place=tmp_path)
    results.save("W1", "folds", [_entry("new", 1.0)], threads=1, facts={"num_rows": 8}, place=tmp_path)
    assert [entry["side"] for entry in results.load(tmp_path)["W1"]["folds"]["entries"]] == ["new"]


def test_curve_shows_what_one_more_costs(tmp_path: Path) -> None:
    entries = [{"side": "thawline", "size": size, "seconds": 2.0 * size} for size in (1, 10)]
    results.save("W5", "trials", entries, threads=1, facts={}, place=tmp_path)
    assert "| 10 | 20.0 | 2 |" in page(results.load(tmp_path))


def test_reason_of_a_peer_that_is_not_installed_is_the_installers_first_error() -> None:
    assert first_error("WARNING: old\nERROR: No matching distribution\nERROR: more\n").endswith(
        "No matching distribution"
    )


def test_the_page_says_that_there_was_no_gpu_or_what_it_gave() -> None:
    assert (ROOT / "docs" / "benchmarks.md").read_text().endswith(gpu_section(None))
    machine = {"versions": {"torch": "2"}, "threads": 4, "date": "today", "processor": "a CPU", "cores": 16}
    rates = {"frozen_pass": 4000.4, "head_phase": 1e6, "top_block": 3000, "full_fine_tuning": 700}
    found = {
        "device": "cuda",
        "gpu": "a GPU",
        "precision": "torch.bfloat16",
        "machine": machine,
        "rows_a_second": {"num_rows": 20, "mean_tokens": 80.0, **rates},
        "line": {"spam": {"sides": {"cuda": {"f1_macro": {"test rows": 0.91}}}, "differences": {"test rows": 0.01}}},
    }
    parts = {"top block": {"rows_a_second": 812.4, "gpu_peak_bytes": 3.2e9}, "full": {"failed": "no memory"}}
    found["networks"] = {"a decoder": {"millions": 1236, "num_rows": 9, "mean_tokens": 80.0, "parts": parts}}
    told = gpu_section(found)
    assert "a decoder, random weights (1,236 million); 9 mails" in told
    assert "| top block | 812 | 3.2 GB |\n| full | no memory | |" in told
    assert "| frozen pass | 4000 |" in told
    assert "| spam | test rows | 0.9100 | +0.0100 |" in told
    assert NO_GPU in gpu_section({**found, "gpu": None})
