#!/usr/bin/env python3
"""Draws the benchmark's histograms with logarithmic counts: histograms.py FIGURES.json OUTPUT
(writes .svg and .png).

Rows whose values are all the same would be one bar each: they are drawn only when there is nothing
else."""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

matplotlib.rcParams["svg.hashsalt"] = "swiftlet"  # the same figures give the same file
matplotlib.rcParams["svg.fonttype"] = "none"
BINS = 160


def binned(histogram):
    """Counts of at most BINS + 1 bins of the same width, and their edges."""
    values = {int(value): count for value, count in histogram.items()}
    first = min(values)
    width = (max(values) - first) // BINS + 1
    counts = [0] * ((max(values) - first) // width + 1)
    for value, count in values.items():
        counts[(value - first) // width] += count
    return counts, [first + width * index for index in range(len(counts) + 1)]


def main(source, target):
    with open(source) as file:
        rows = [row for row in json.load(file)["rows"] if row["histogram"]]
    rows = [row for row in rows if len(row["histogram"]) > 1] or rows
    columns = min(3, len(rows)) or 1
    lines = (len(rows) + columns - 1) // columns or 1
    size = (5 * columns, 2.3 * lines + 0.6)
    figure, axes = plt.subplots(lines, columns, figsize=size, squeeze=False)
    for axis, row in zip(axes.flat, rows):
        axis.stairs(*binned(row["histogram"]), fill=True, baseline=0.7)
        axis.set_yscale("log")
        axis.set_ylim(bottom=0.7)
        axis.set_title(f'{row["name"]}: max {row["maximum"]}', fontsize=8)
        axis.set_xlabel(row["unit"].split(" (")[0], fontsize=7)
        if row.get("goal"):
            axis.axvline(row["goal"], color="tab:red", linewidth=1)
        axis.tick_params(labelsize=7)
    for axis in list(axes.flat)[len(rows):]:
        axis.axis("off")
    figure.suptitle("Swiftlet: how often (logarithmic) which length; red: goal")
    figure.tight_layout(rect=(0, 0, 1, 1 - 0.5 / (2.3 * lines + 0.6)))
    figure.savefig(target + ".svg", metadata={"Date": None})
    figure.savefig(target + ".png", dpi=80)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
