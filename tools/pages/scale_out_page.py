"""The page of what a fit over partitions costs, from what `benchmarks/scale_out.py` wrote in two runs.

    python tools/pages/scale_out_page.py [--results FILE FILE] [--output docs/scale_out_costs.md]

`scale_out_page.md` has the text; the tables are made here.
"""

import argparse
import json
from pathlib import Path

from shared import HERE, RESULTS, ROOT, filled, markdown


def both(results, number):
    """Words for a number of each run: "1.5, 1.6"."""
    return ", ".join(number(result) for result in results)


def machine_of(results):
    """Processor, versions, load."""
    machine = results[0]["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in sorted(results[0]["versions"].items()))
    load = both(results, lambda r: " and ".join(f"{one:.1f}" for one in r["load"]))
    stolen = both(results, lambda r: f"{r['stolen_percent']:.1f}")
    return (
        f"Measured {both(results, lambda r: r['started'])} on {machine['cores']} cores of "
        f"{machine['processor']}, {machine['system']}, Python {machine['python']}: {versions}. Medians of "
        f"{results[0]['repeats']}. Load average before and after: {load}. Time that the host gave to others: "
        f"{stolen} percent."
    )


def table_of_rounds(results):
    """Of rounds whose tasks have almost nothing to do."""
    lines = []
    for rows in zip(*(result["rounds"] for result in results), strict=True):
        numbers = [
            ", ".join(f"{row[place] * factor:.{digits}f}" for row in rows)
            for place, factor, digits in ((1, 1e3, 1), (2, 1e3, 1), (3, 1e-3, 0), (4, 1e-3, 0))
        ]
        lines.append((rows[0][0], *numbers))
    head = "partitions", "wall time, ms", "CPU time, ms", "kB from client and scheduler", "kB from workers"
    return markdown(head, lines, left=0)


def constants_of(results):
    """CPU time of a round and of a task."""
    of_round = both(results, lambda r: f"{1e3 * r['constants']['round']:.1f}")
    of_task = both(results, lambda r: f"{1e3 * r['constants']['task']:.2f}")
    return (
        f"Client and scheduler together take {of_round} ms per round and {of_task} ms per partition (CPU "
        "time, least squares)."
    )


def table_of_workers(results):
    """Seconds of a round on one and two workers, and without dask."""
    names = results[0]["seconds"]
    lines = [(name, both(results, lambda r, n=name: format(r["seconds"][n], ".3f"))) for name in names]
    return markdown(("computed by", "s per round"), lines)


def speed_up_of(results):
    """Ratios of these times."""

    def ratio(one, two):
        return both(results, lambda r: format(r["seconds"][one] / r["seconds"][two], ".2f"))

    return (
        f"Two workers are {ratio('1 worker', '2 workers')} times as fast as one, two processes without dask "
        f"{ratio('1 process', '2 processes')} times. A round on two workers takes "
        f"{ratio('2 workers', '2 processes')} times as long as in two processes without dask."
    )


def table_of_model(results):
    """Workers at which half of a round is still spent on gradients."""
    lines = []
    for key in results[0]["model"]:
        n, size = map(int, key.split())
        cells = [
            both(
                results,
                lambda r, k=key, g=gbit: (
                    "over 15,000" if r["model"][k][g][0] > 15000 else f"{r['model'][k][g][0]:,}"
                ),
            )
            for gbit in (0, 1)
        ]
        lines.append((f"{n:,}", f"{size:,}", *cells))
    return markdown(("sequences", "weights", "workers, 1 Gbit/s", "workers, 10 Gbit/s"), lines, left=0)


def table_of_replicas(results):
    """Accuracies of averaged replicas."""
    epochs = results[0]["replicas"]["epochs"]
    lines = [
        (
            way,
            *(
                both(results, lambda r, w=way, i=i: f"{r['replicas']['accuracies'][w][i]:.3f}")
                for i in range(len(epochs))
            ),
        )
        for way in results[0]["replicas"]["accuracies"]
    ]
    return markdown(("", *(f"{n} epoch{'s' * (n > 1)}" for n in epochs)), lines)


def page(template, results):
    """Return the page: the template with the tables of both runs."""
    first = results[0]
    parts = {
        "machine": machine_of(results),
        "rounds": table_of_rounds(results),
        "constants": constants_of(results),
        "n_sequences": f"{first['sequences']:,}",
        "n_weights": f"{first['n_weights']:,}",
        "workers": table_of_workers(results),
        "speed_up": speed_up_of(results),
        "gradient": both(results, lambda r: f"{1e9 * r['constants']['gradient']:.2f}"),
        "model": table_of_model(results),
        "n_of_replicas": f"{first['replicas']['sequences']:,}",
        "replicas": table_of_replicas(results),
    }
    return filled(template, parts)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = [RESULTS / "scale_out.json", RESULTS / "scale_out_again.json"]
    parser.add_argument("--results", type=Path, nargs=2, default=default)
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "scale_out_costs.md")
    options = parser.parse_args()
    results = [json.loads(path.read_text()) for path in options.results]
    options.output.write_text(page((HERE / "scale_out_page.md").read_text(), results))
    print(options.output)


if __name__ == "__main__":
    main()
