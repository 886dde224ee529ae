"""How fast is the index made from the partitions, and how large is it?

    python -m benchmarks.reindex --sessions 1000000

Makes a store's partitions (records without transcripts), then runs ``ion-summary reindex`` over them. Floor, in the
same run: ``orjson.loads`` of every line, in as many processes at once.
"""

from __future__ import annotations

from benchmarks import generate
from benchmarks.ingest import parse, side_by_side
from benchmarks.measure import ION_SUMMARY, Report, arguments, run, size_of, workplace


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, 1_000_000).parse_args()
    report = Report(f"reindex of {options.sessions:,} records", options.sessions, 1_000_000)
    with workplace(options.work) as work:
        store = work / f"store-{options.sessions}"
        written = generate.write_store(store, options.sessions)
        report.add("partitions", written / 1e6, "MB")
        parsing = side_by_side(parse, sorted(store.glob("????-??/*.jsonl")))
        report.add("floor: orjson.loads of every line", parsing, "CPU s")
        done = run([*ION_SUMMARY, "reindex", "--store", str(store), "--json"], watch_memory=True)
        report.add("reindex", options.sessions / done.wall_s, "records/s", least=20_000)
        report.add("reindex, per CPU second", options.sessions / done.cpu_s, "records/s")
        report.add("reindex, CPU of the parsing floor", done.cpu_s / parsing, "x")
        report.add("reindex", written / 1e6 / done.wall_s, "MB/s")
        report.add("peak memory, all processes", done.peak_mb, "MB")
        report.add("index, of the JSONL", 100 * size_of(store / "index") / written, "%", most=35)
    report.finish(options.json)


if __name__ == "__main__":
    main()
