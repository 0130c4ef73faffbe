#!/usr/bin/env python3
"""Draws the benchmark's histograms with logarithmic counts: histograms.py FIGURES.json OUTPUT (writes .svg and .png)."""

import json
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

matplotlib.rcParams["svg.hashsalt"] = "swiftlet"  # the same figures give the same file


def main(source, target):
    with open(source) as file:
        rows = json.load(file)["rows"]
    rows = [row for row in rows if row["total"] > 0]
    if not rows:
        sys.exit(f"{source}: no rows to draw")
    columns = 3
    lines = (len(rows) + columns - 1) // columns
    figure, axes = plt.subplots(lines, columns, figsize=(15, 2.3 * lines), squeeze=False)
    for axis, row in zip(axes.flat, rows):
        values = [int(value) for value in row["histogram"]]
        counts = list(row["histogram"].values())
        axis.bar(values, counts, width=max(1, (max(values, default=1) - min(values, default=0)) / 120))
        axis.set_yscale("log")
        axis.set_title(f'{row["name"]}: max {row["maximum"]}', fontsize=9)
        if row.get("goal"):
            axis.axvline(row["goal"], color="tab:red", linewidth=1)
        axis.tick_params(labelsize=7)
    for axis in list(axes.flat)[len(rows):]:
        axis.axis("off")
    figure.suptitle("Swiftlet on QEMU, instructions counted (path length, not time); red: goal")
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    figure.savefig(target + ".svg", metadata={"Date": None})
    figure.savefig(target + ".png", dpi=80)
    print(f"{target}.svg\n{target}.png")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2])
