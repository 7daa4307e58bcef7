"""Writes docs/benchmarks.md, its chart and Benchmarks/results.json from what was measured."""

import html
import json

#: Figure -> heading, number format, whether less is better. In the order of the table.
FIGURES = {
    "cpu_us_query_1": ("CPU per query round trip, 1 session (µs)", "{:.0f}"),
    "cpu_us_query_32": ("CPU per query round trip, 32 sessions (µs)", "{:.0f}"),
    "p50_us_1": ("median of a round trip, 1 session (µs)", "{:.0f}"),
    "p99_us_32": ("p99 of a round trip, 32 sessions (µs)", "{:.0f}"),
    "cpu_us_connect": ("CPU per connect, whole handshake (µs)", "{:.0f}"),
    "p99_us_connect": ("p99 of a connect, 8 at a time (µs)", "{:.0f}"),
    "kb_idle_session": ("memory per idle session (KB)", "{:.1f}"),
    "cpu_s_gb_to_client": ("CPU per GB to the client (s)", "{:.2f}"),
    "cpu_s_gb_from_client": ("CPU per GB from the client (s)", "{:.2f}"),
    "p99_us_300_handshakes": ("p99 of a round trip beside 300 handshakes a second (µs)", "{:.0f}"),
    "p99_us_routes_calm": ("p99 of a round trip, 8 sessions (µs)", "{:.0f}"),
    "p99_us_routes": ("… while 10,000 routes are replaced twice a second (µs)", "{:.0f}"),
    "instructions_query": ("user-space instructions per query round trip", "{:,.0f}"),
    "instructions_connect": ("user-space instructions per connect", "{:,.0f}"),
    "system_calls_query": ("system calls per query round trip", "{:.1f}"),
    "allocations_query": ("allocations per query round trip", "{:.1f}"),
    "allocations_chunk_to_client": ("allocations per 8 KiB to the client", "{:.2f}"),
    "allocations_chunk_from_client": ("allocations per 8 KiB from the client", "{:.2f}"),
}

#: What the chart shows, as ratios to the floor.
CHARTED = [
    "cpu_us_query_1",
    "cpu_us_query_32",
    "cpu_us_connect",
    "kb_idle_session",
    "cpu_s_gb_to_client",
    "cpu_s_gb_from_client",
    "instructions_query",
    "instructions_connect",
]
FLOOR = "bare C"
COLOURS = ["#1d4ed8", "#64748b", "#a16207", "#7e22ce", "#cbd5e1"]


def table(results):
    names = [relay["name"] for relay in results["relays"]]
    lines = ["| | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for figure, (title, form) in FIGURES.items():
        values = [results["figures"].get(name, {}).get(figure) for name in names]
        if all(value is None for value in values):
            continue
        cells = ["" if value is None else form.format(value) for value in values]
        lines.append(f"| {title} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def owners(results):
    """What an idle session of the gateway has asked for; nothing without counts."""
    if not results["idle_by_owner"]:
        return ""
    lines = ["| an idle session of the gateway: allocated by | bytes |", "|---|---:|"]
    lines += [f"| {owner} | {size:,.0f} |" for owner, size in results["idle_by_owner"].items()]
    lines.append(f"| together | {sum(results['idle_by_owner'].values()):,.0f} |")
    return "\n".join(lines) + "\n"


def chart(results):
    """Bars of each figure against the bare C relay's."""
    names = [relay["name"] for relay in results["relays"]]
    rows = [figure for figure in CHARTED if results["figures"].get(FLOOR, {}).get(figure)]
    bar, gap, left, width = 12, 16, 270, 820
    height = 60 + len(rows) * (bar * len(names) + gap)
    most = max(
        (
            results["figures"][name][figure] / results["figures"][FLOOR][figure]
            for figure in rows
            for name in names
            if results["figures"][name].get(figure) is not None
        ),
        default=1,
    )
    scale = (width - left - 60) / most
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" '
        'font-family="system-ui, sans-serif" font-size="11">',
        "<title>What each relay needs, against a bare C relay</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    at = 12
    for name, colour in zip(names, COLOURS):
        parts.append(f'<rect x="{at}" y="12" width="12" height="12" fill="{colour}"/>')
        parts.append(f'<text x="{at + 17}" y="22" fill="#0f172a">{html.escape(name)}</text>')
        at += 40 + 7 * len(name)
    y = 44
    for figure in rows:
        middle = y + bar * len(names) / 2 + 4
        parts.append(
            f'<text x="{left - 8}" y="{middle:.0f}" text-anchor="end" fill="#0f172a">'
            f"{html.escape(FIGURES[figure][0])}</text>"
        )
        for name, colour in zip(names, COLOURS):
            value = results["figures"][name].get(figure)
            if value is not None:
                ratio = value / results["figures"][FLOOR][figure]
                parts.append(
                    f'<rect x="{left}" y="{y}" width="{max(ratio * scale, 1):.1f}" height="{bar - 2}" '
                    f'fill="{colour}"/>'
                )
                parts.append(
                    f'<text x="{left + ratio * scale + 4:.1f}" y="{y + 9}" font-size="9" fill="#334155">'
                    f"{ratio:.2f}</text>"
                )
            y += bar
        y += gap
    parts.append("</svg>")
    return "\n".join(parts) + "\n"


def page(results):
    relays = "\n".join(
        f"- **{relay['name']}** {relay['version']}"
        + (" (PostgreSQL's SSLRequest first)" if relay["negotiation"] == "postgres" else "")
        for relay in results["relays"]
    )
    return f"""# Benchmarks

What the gateway costs beside other programs that terminate TLS in front of a server. `make bench` measures it again and
writes this page.

{table(results)}

Less is better in every row. The chart has the rows that depend least on the machine, against the bare C relay:

![What each relay needs, against a bare C relay](images/benchmarks.svg)

## Memory of an idle session

{owners(results)}
These are the bytes that were asked for; pages that nobody touched take no memory, so the table above has less. NIOSSL takes 32 KiB
for plaintext and 16 KiB for records with each session, and keeps what they grow to: neither can be set.

## How it was measured

{results["date"]}, sources of the gateway `{results["sources"][:12]}`, {results["machine"]}. Medians of {results["rounds"]} rounds; in
each round every relay was measured once, one after the other, so that a busy minute of the machine met all of them.

{relays}

All relays terminate TLS 1.3 with the same ECDSA P-256 certificate and relay to the same backend, a small stand-in for a
PostgreSQL server (`Benchmarks/Programs/backend.c`), over loopback; the same program makes the load (`load.c`). Sessions are not
resumed: every connect is a whole handshake, with the StartupMessage and the backend's answer. nginx, HAProxy and the bare C relay
know only TLS from the first byte; the gateway is measured that way as well, and stunnel with `protocol = pgsql`. nginx has two
worker processes, HAProxy two threads, the bare C relay (`relay.c`) one thread and neither limits nor hostnames. The gateway logs each
session's start and end, as it does by default; the others log nothing of sessions.

- CPU is user and system time of the relay alone, as the kernel counts it in ticks of 10 ms.
- Memory is the proportional share of its pages (`Pss`): the difference that {results["idle"]} idle sessions make.
- Instructions: valgrind's callgrind on the stripped programs. System calls: `strace -f -c`. Allocations: a counting `malloc`. Each is
  the difference of two runs of different length, with one session, so that neither the start nor the load of the machine counts.

Not controlled: other work on the machine, the frequency of its processors, and that load, relay and backend share them.
Latencies say little of a machine where each has its own; read the columns against each other.
"""


def write(root, results):
    (root / "Benchmarks" / "results.json").write_text(json.dumps(results, indent=2, ensure_ascii=False) + "\n")
    (root / "docs" / "benchmarks.md").write_text(page(results))
    (root / "docs" / "images" / "benchmarks.svg").write_text(chart(results))
