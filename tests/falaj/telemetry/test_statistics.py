"""Statistics stay right and small, whatever callers send."""

from threading import Thread

from falaj.telemetry.statistics import Statistics


def _add(statistics, batch_size=1):
    statistics.add_success(at_ms=5, batch_size=batch_size, input_ns=1, infer_ns=2, output_ns=3)


def test_batches_are_counted_apart():
    """Two sizes are two entries; together they are the whole."""
    statistics = Statistics()
    _add(statistics, 1)
    _add(statistics, 8)
    _add(statistics, 8)
    statistics.add_failure(ns=9)
    found = statistics.to_dict(name="m", version="1")
    assert (found["inference_count"], found["execution_count"]) == (17, 3)
    assert found["inference_stats"]["success"] == {"count": 3, "ns": 18}
    assert found["inference_stats"]["fail"] == {"count": 1, "ns": 9}
    assert [(b["batch_size"], b["compute_infer"]) for b in found["batch_stats"]] == [
        (1, {"count": 1, "ns": 2}),
        (8, {"count": 2, "ns": 4}),
    ]


def test_a_caller_of_many_batch_sizes_does_not_fill_the_memory():
    """The table of batch sizes is bounded, the totals still count everything."""
    statistics = Statistics()
    for size in range(1, 1001):
        _add(statistics, size)
    found = statistics.to_dict(name="m", version="1")
    assert len(found["batch_stats"]) == Statistics.BATCH_SIZES_KEPT
    assert found["execution_count"] == 1000


def test_threads_lose_no_count():
    """Four threads that count a thousand each make four thousand."""
    statistics = Statistics()
    threads = [Thread(target=lambda: [_add(statistics) for _ in range(1000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert statistics.to_dict(name="m", version="1")["execution_count"] == 4000
