"""How soon a cold `dgx-pixels stdio --alone` answers `tools/list`, beside a bare Python that only imports FastMCP.

    .venv/bin/python benchmarks/tools_list.py

Prints the median and the extremes of 7 cold starts each, in seconds, and their ratio.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time

from result_file import Run, add_results_option, at_most, told

RUNS = 7
SAID = [
    {
        "jsonrpc": "2.0",
        "id": 1,
        "method": "initialize",
        "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "benchmark", "version": "1"}},
    },
    {"jsonrpc": "2.0", "method": "notifications/initialized"},
    {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
]


def tools_list() -> float:
    """Seconds from starting the process until its answer to tools/list is read."""
    with tempfile.TemporaryDirectory() as home:
        started = time.perf_counter()
        command = [sys.executable, "-m", "dgx_pixels.server", "stdio", "--alone", "--home", home]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(command, text=True, **pipes) as process:  # type: ignore[call-overload]  # mypy reads no dict
            process.stdin.write("".join(json.dumps(message) + "\n" for message in SAID))
            process.stdin.flush()
            while json.loads(process.stdout.readline()).get("id") != 2:
                pass
            took = time.perf_counter() - started
            process.stdin.close()
        return took


def bare_import() -> float:
    """Seconds that a Python process needs to import FastMCP, and end."""
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", "from fastmcp import FastMCP"], check=True)
    return time.perf_counter() - started


def main() -> None:
    """Measure both in turn, so that a busy machine is busy for both."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add_results_option(parser)
    asked, run = parser.parse_args(), Run.begin("tools_list")
    pairs = [(tools_list(), bare_import()) for _ in range(RUNS)]
    for name, seconds in zip(("stdio --alone, tools/list", "import fastmcp"), zip(*pairs, strict=True), strict=True):
        print(f"{name:26} median {statistics.median(seconds):.2f} s  ({min(seconds):.2f} to {max(seconds):.2f})")
    ours, bare = (statistics.median(seconds) for seconds in zip(*pairs, strict=True))
    print(f"{'ratio of the medians':26} {ours / bare:.2f}")
    run.write(asked.results, [
        at_most("server", "a cold `stdio --alone` answers tools/list", ours, 1.5, "s"),
        told("server", "that over a bare import of FastMCP", ours / bare, "times"),
    ])  # fmt: skip


if __name__ == "__main__":
    main()
