# SPDX-License-Identifier: MIT
"""Estimates are unbiased and their printed standard errors are right, over many runs."""

import math
import statistics

import pytest

import leaks

RUNS = 60


@pytest.mark.parametrize("allocator", ["fast", "system"])
def test_estimates_over_many_runs(allocator, tmp_path):
    truth = {leak.function: leak for leak in leaks.expected_leaks("sample-work.c")}
    figures = {name: [] for name in truth}
    totals = []
    for number in range(RUNS):
        directory = tmp_path / str(number)
        directory.mkdir()
        _, sessions = leaks.run([f"{leaks.VICTIMS}/sample-work"], directory, "--sample=512K",
                                f"--allocator={allocator}")
        parsed = leaks.report(sessions[0])
        assert parsed["agent"]["sampling"]["exact"] is False
        assert parsed["agent"]["sampling"]["interval_bytes"] == 512 << 10
        found = {}
        for site in parsed["sites"]:
            frame = leaks.innermost(site, "sample-work.c")
            if frame and frame["function"] in truth:
                found[frame["function"]] = site
        for name in truth:
            site = found.get(name)
            figures[name].append((site["live_bytes"], site["live_blocks"], site["live_bytes_stderr"])
                                 if site else (0, 0, 0.0))
        totals.append((parsed["heap"]["live_bytes"], parsed["heap"]["live_bytes_stderr"]))

    for name, leak in truth.items():
        sizes = [size for size, _, _ in figures[name]]
        blocks = [count for _, count, _ in figures[name]]
        spread = statistics.stdev(sizes)
        assert spread > 0, f"{name}: every run gave the same estimate: nothing was sampled"
        # the mean of the estimates lies within six of its own standard errors of the truth
        assert abs(statistics.mean(sizes) - leak.size) < 6 * spread / math.sqrt(RUNS) + 1, name
        assert abs(statistics.mean(blocks) - leak.blocks) < 6 * statistics.stdev(blocks) / math.sqrt(RUNS) + 1, name
        # the printed variance is, on average, the variance that was seen (chi-squared, 59 degrees of freedom)
        printed = statistics.mean(error * error for _, _, error in figures[name])
        assert 0.35 < printed / spread ** 2 < 3, (name, printed, spread ** 2)

    within = sum(abs(size - sum(leak.size for leak in truth.values())) < 2 * error for size, error in totals)
    # 95 % are expected, and a few less where estimates are skew; fewer than 70 % come once in 10^7 times
    assert within >= RUNS * 0.70, within
