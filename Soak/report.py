"""The results as Markdown."""

import datetime
import os
import subprocess
import time

from programs import ROOT


def sources():
    return subprocess.run(
        [ROOT / "scripts" / "sources.py", "hash", "gate"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout.strip()


def ends(counts):
    """Ways to end, the most frequent first. 'cut': without close_notify; 'closed' with it, or in plaintext."""
    return ", ".join(f"{outcome} {count:,}" for count, outcome in sorted(counts, reverse=True))


def table(soak):
    lines = [""]
    if hasattr(soak, "load_seconds"):
        lines += [
            f"{soak.connects:,} connections and {soak.updates:,} updates in {soak.load_seconds:.0f} s, beside {soak.busy} busy sessions with "
            f"{soak.busy_answers:,} answers; with both phases {time.monotonic() - soak.began:.0f} s.", "",
        ]
    lines += ["| held | | |", "|---|---|---|"]
    lines += [f"| {what} | {'yes' if is_held else '**no**'} | {text} |" for what, is_held, text in soak.results]
    if hasattr(soak, "final_report"):
        lines += ["", "| connection | as expected | by a change of its route | by a fault | other |", "|---|---|---|---|---|"]
        rows = {}
        for kind, outcome, verdict, count in soak.final_report["tally"]:
            rows.setdefault(kind, {}).setdefault(verdict, []).append((count, outcome))
        for kind, verdicts in sorted(rows.items()):
            cells = " | ".join(ends(verdicts.get(verdict, [])) for verdict in ("expected", "changed", "fault", "failed"))
            lines.append(f"| {kind} | {cells} |")
    lines += ["", f"Changes: {', '.join(f'{name} {count:,}' for name, count in sorted(soak.world.counts.items()))}."]
    lines.append(f"Slowest load of a route map: {soak.world.slowest_load() * 1000:.0f} ms.")
    lines += ["", "Everything held." if not soak.failures else "Did not hold:"]
    lines += [f"- {line}" for line in soak.failures[:50]]
    return "\n".join(lines)


def write(soak, text):
    part = "" if soak.arguments.part == 1 else f", a part: 1/{soak.arguments.part}"
    head = (
        f"# Soak\n\n{datetime.date.today().isoformat()}, sources {sources()}, seed {soak.arguments.seed}, "
        f"{os.cpu_count()} processors{part}. [README.md](README.md) says how it is made.\n"
    )
    (ROOT / "Soak" / "RESULTS.md").write_text(head + text + "\n")
