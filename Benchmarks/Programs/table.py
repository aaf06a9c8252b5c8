"""Turns the figures of `run` into a table in Markdown, or with --json into one object.

    table.py [--json] FIGURES COMMAND COMMIT

A line of FIGURES: program, load, situation, variant, round, operations per second, between tabs. Ratios are
formed within a round, whose turns are neighbours in time, and their median is told.
"""
import json
import os
import platform
import statistics
import sys
import time

VARIANTS = {"debian": "pthread mutex", "native": "Tidelock, native", "paravirtual": "Tidelock, paravirtual"}


def machine():
    with open("/proc/cpuinfo") as lines:
        models = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    cpus = len(os.sched_getaffinity(0))
    return f"{models[0] if models else platform.machine()}, {cpus} CPUs, Linux {platform.release()}"


def amount(value):
    """Thousands of operations a second, with as many digits as say something."""
    thousands = value / 1000
    return f"{thousands:,.0f}" if thousands >= 100 else f"{thousands:.3g}"


def spread(values, form):
    return f"{form(statistics.median(values))} ({form(min(values))} to {form(max(values))})"


def main():
    arguments = sys.argv[1:]
    as_json = arguments[:1] == ["--json"]
    path, command, commit = arguments[as_json:]
    turns = []
    with open(path) as lines:
        for line in lines:
            program, load, situation, variant, number, figure = line.rstrip("\n").split("\t")
            turns.append({"program": program, "load": load, "situation": situation, "variant": variant,
                          "round": int(number), "operations_per_second": int(figure)})
    about = {"machine": machine(), "date": time.strftime("%Y-%m-%d"), "command": command, "commit": commit}
    if as_json:
        json.dump({**about, "turns": turns}, sys.stdout, indent=1)
        print()
        return

    print(f"{about['machine']}; {about['date']}; `{command}`; {commit or 'no commit known'}\n")
    print("| program, load | situation | lock | thousand operations/s, median (least to most) | of pthread's, median (least to most) |")
    print("|---|---|---|---|---|")
    cases = dict.fromkeys((turn["program"], turn["load"], turn["situation"]) for turn in turns)
    for case in cases:
        of_case = [turn for turn in turns if (turn["program"], turn["load"], turn["situation"]) == case]
        figures = {variant: {turn["round"]: turn["operations_per_second"] for turn in of_case
                             if turn["variant"] == variant} for variant in VARIANTS}
        for variant, name in VARIANTS.items():
            by_round = figures[variant]
            if not by_round:
                continue
            ratios = [figure / figures["debian"][number] for number, figure in by_round.items()
                      if figures["debian"].get(number)]
            beside = spread(ratios, lambda ratio: f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}") if ratios else ""
            print(f"| {case[0]}, {case[1]} | {case[2]} | {name} | {spread(list(by_round.values()), amount)} "
                  f"| {beside if variant != 'debian' else '1'} |")


main()
