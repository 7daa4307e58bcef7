#!/usr/bin/env python3
"""Writes monitoring/grafana-dashboard.json, the Grafana dashboard of postgres-gateway.

    monitoring/dashboard.py            write it
    monitoring/dashboard.py --check    exit 1 if the file is not what this program writes

Needs the package in monitoring/requirements.txt; scripts/compat-setup.sh installs it in .build-compat/monitoring.
"""

import json
import pathlib
import sys

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import common as options
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.prometheus import QueryEditorMode

FILE = pathlib.Path(__file__).parent / "grafana-dashboard.json"
SOURCE = model.DataSourceRef(type_val="prometheus", uid="${datasource}")
# What every expression selects: the gateways chosen at the top.
CHOSEN = 'job=~"$job",instance=~"$instance"'
# Of connections that ended: without those that did what they came for.
REFUSED = 'outcome!~"relayed|cancel_.*|probe"'
GRAPH_HEIGHT, STAT_HEIGHT = 8, 4


def series(name, labels=""):
    """The series `name` of the chosen gateways; without a prefix it is the gateway's own."""
    prefix = "" if name.startswith(("process_", "up")) else "postgres_gateway_"
    return f"{prefix}{name}{{{CHOSEN}{',' if labels else ''}{labels}}}"


def rate(name, by="", labels=""):
    """How often a second, by labels."""
    return f"sum{f' by ({by})' if by else ''} (rate({series(name, labels)}[$__rate_interval]))"


def quantile(share, name, by=""):
    """A quantile of a histogram, in seconds."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({share}, {rate(f'{name}_bucket', labels)})"


def query(expression, legend, ref, instant=False):
    built = prometheus.Dataquery().expr(expression).legend_format(legend).ref_id(ref).editor_mode(QueryEditorMode.CODE)
    return built.instant() if instant else built.range()


def graph(title, unit, description, *queries, width=8, minimum=0, decimals=None, stacked=False):
    """A panel of lines over time.

    - queries: expressions with their legends.
    """
    panel = (
        timeseries.Panel().title(title).description(description).unit(unit).datasource(SOURCE)
        .span(width).height(GRAPH_HEIGHT).line_width(1).fill_opacity(30 if stacked else 8)
        .show_points(options.VisibilityMode.NEVER)
        .legend(common.VizLegendOptions().show_legend(True).placement(options.LegendPlacement.BOTTOM)
                .display_mode(options.LegendDisplayMode.LIST))
        .tooltip(common.VizTooltipOptions().mode(options.TooltipDisplayMode.MULTI).sort(options.SortOrder.DESCENDING))
    )
    if minimum is not None:
        panel.min(minimum)
    if stacked:
        panel.stacking(common.StackingConfig().mode(options.StackingMode.NORMAL))
    if decimals is not None:
        panel.decimals(decimals)
    for number, (expression, legend) in enumerate(queries):
        panel.with_target(query(expression, legend, chr(ord("A") + number)))
    return panel


def steps(*pairs):
    """Colors from a value on; the first one is that of all values below the second."""
    return dashboard.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(
        [model.Threshold(value=value, color=color) for value, color in pairs]
    )


GOOD_AT_ZERO = steps((None, "green"), (1, "red"))


def number(title, unit, description, expression, legend="", *, colors=None, texts=None, name=False, width=3):
    """A panel of one number for each gateway.

    - texts: words in place of numbers.
    - name: show the legend in place of the number.
    """
    panel = (
        stat.Panel().title(title).description(description).unit(unit).datasource(SOURCE)
        .span(width).height(STAT_HEIGHT).graph_mode(options.BigValueGraphMode.NONE)
        .color_mode(options.BigValueColorMode.VALUE if colors else options.BigValueColorMode.NONE)
        .text_mode(options.BigValueTextMode.NAME if name else options.BigValueTextMode.AUTO)
        .reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]))
        .thresholds(colors or steps((None, "text")))
        .with_target(query(expression, legend, "A", instant=True))
    )
    if texts:
        panel.mappings([model.ValueMap(options={value: model.ValueMappingResult(text=text) for value, text in texts.items()})])
    return panel


# Rows in the order in which somebody on call asks.
ROWS = [
    ("Does it serve?", [
        number("Gateway", "short", "Whether Prometheus can read the gateway's metrics. Down: no client can connect.",
               series("up"), "{{instance}}", colors=steps((None, "red"), (1, "green")), texts={"0": "down", "1": "up"}),
        number("Sessions", "short", "Open sessions of all branches: clients that are connected to a server.",
               f"sum({series('connections_active')}) or vector(0)"),
        number("Refused a minute", "short",
               "Connections that got an error instead of a session, per minute. The row below has the reasons.",
               f"60 * {rate('connections_total', labels=REFUSED)}",
               colors=steps((None, "green"), (1, "orange"))),
        number("Route map", "short",
               "Expired: the program that writes the route map has not confirmed it in time, and new connections are refused. "
               "Stale: the file is invalid, and the previous map stays in effect.",
               f"max(2 * ({series('route_map_expired')} == 1) or {series('route_map_stale')})",
               colors=GOOD_AT_ZERO, texts={"0": "valid", "1": "stale", "2": "expired"}),
        number("Next certificate expires in", "s", "The time until the first of the certificates expires.",
               f"min({series('certificate_expiry_seconds')}) - time()",
               colors=steps((None, "red"), (3 * 86400, "orange"), (14 * 86400, "green"))),
        number("Uncovered hostnames", "short",
               "Hostnames of the route map that no certificate covers: clients with sslmode=verify-full cannot connect to them.",
               f"sum({series('hostnames_uncovered')})", colors=GOOD_AT_ZERO),
        number("Running for", "s", "The time since the gateway started. Short: somebody has restarted it, or it has failed.",
               f"time() - max({series('process_start_time_seconds')})"),
        number("Version", "short", "The release that runs.", series("build_info"), "{{version}}", name=True),
    ]),
    ("Who is refused?", [
        graph("Refusals by reason", "cps",
              "Connections a second that ended without a session, by reason. docs/symptoms.md has the reasons as clients see "
              "them. Port probes and sessions that ended in order are left out.",
              (rate("connections_total", "outcome", REFUSED), "{{outcome}}")),
        graph("Route misses", "cps",
              "Connections a second to a hostname that is not in the route map: a wrong name, or a branch that was renamed or deleted.",
              (rate("route_misses_total"), "unknown hostname")),
        graph("Limits reached", "cps",
              "Connections a second refused because a limit was reached. docs/operations.md, \"Limits\", names the setting of each.",
              (rate("limit_rejections_total", "limit"), "{{limit}}")),
        graph("Evictions", "cps",
              "Silent connections a second that were closed to make room for others. Usually a scan or a flood of the port.",
              (rate("evictions_total", "limit"), "{{limit}}")),
        graph("Failed logins by branch", "cps",
              "Logins a second that the branch's server refused. Many: a client with an old password, or somebody who guesses.",
              (rate("authentication_failures_total", "target"), "{{target}}")),
        graph("TLS handshake errors by reason", "cps",
              "TLS handshakes a second that failed. The gateway's log has the address of each client.",
              (rate("handshake_errors_total", "reason"), "{{reason}}")),
    ]),
    ("Which branch?", [
        graph("Sessions by branch", "short",
              "Open sessions by branch. A branch is named by its id; frost branch list --json shows the name of each.",
              (f"sum by (target) ({series('connections_active')})", "{{target}}"), decimals=0, stacked=True),
        graph("New sessions by branch", "cps",
              "Sessions a second that reached the branch's server. High: an application that connects anew for each query.",
              (rate("sessions_total", "target"), "{{target}}")),
        graph("Dial errors by branch", "cps",
              "Failed connections a second to a branch's server. The route map says that the branch is active, but the server "
              "does not answer.",
              (rate("backend_dial_errors_total", "target, reason"), "{{target}} {{reason}}")),
        graph("Bytes from clients, by branch", "Bps", "Bytes a second from clients to each branch's server.",
              (rate("bytes_total", "target", 'direction="in"'), "{{target}}")),
        graph("Bytes to clients, by branch", "Bps", "Bytes a second from each branch's server to its clients.",
              (rate("bytes_total", "target", 'direction="out"'), "{{target}}")),
        graph("Time to connect to servers", "s",
              "How long the gateway takes to connect to a branch's server. It is on the same host: more than a few milliseconds "
              "mean a server, or a host, without time.",
              *[(quantile(share, "backend_dial_duration_seconds"), f"p{percent}") for share, percent in ((0.5, 50), (0.99, 99))]),
    ]),
    ("How long does connecting take?", [
        graph("Start-up time", "s",
              "From the client's first contact until its session is ready for a query. Includes the client's own network and its "
              "password exchange with the server.",
              *[(quantile(share, "startup_duration_seconds"), f"p{percent}") for share, percent in ((0.5, 50), (0.95, 95), (0.99, 99))]),
        graph("TLS handshake time", "s", "How long TLS handshakes take that succeed, the client's network included.",
              *[(quantile(share, "handshake_duration_seconds"), f"p{percent}")
                for share, percent in ((0.5, 50), (0.95, 95), (0.99, 99))]),
        graph("Connections in start-up", "short",
              "Connections that have no session yet, and how many of them are in a TLS handshake or wait for their turn. "
              "Waiting handshakes: more clients connect than the CPU can serve.",
              (f"sum({series('startups_active')})", "start-up"), (f"sum({series('handshakes_active')})", "handshake"),
              (f"sum({series('handshakes_waiting')})", "handshake, waiting"), decimals=0),
    ]),
    ("Traffic", [
        graph("Sessions", "short", "Open sessions of all branches, by gateway.",
              (f"sum by (instance) ({series('connections_active')}) or sum by (instance) ({series('up')}) * 0", "{{instance}}"),
              decimals=0),
        graph("Connections by outcome", "cps",
              "Connections a second that ended, by outcome. relayed: sessions that ended in order; probe: closed without a byte; "
              "the others are refusals.",
              (rate("connections_total", "outcome"), "{{outcome}}")),
        graph("Bytes", "Bps", "Bytes a second of all branches. in: from clients to servers; out: from servers to clients.",
              (rate("bytes_total", "direction"), "{{direction}}")),
        graph("New sessions", "cps", "Sessions a second that reached a server, over all branches.",
              (rate("sessions_total"), "sessions")),
        graph("Length of sessions", "s", "How long sessions last that have ended. Short: clients without a connection pool.",
              *[(quantile(share, "session_duration_seconds"), f"p{percent}") for share, percent in ((0.5, 50), (0.99, 99))]),
        graph("Cancel requests", "cps",
              "Requests a second to cancel a query (Ctrl-C in psql, or a driver's timeout), by outcome. Unknown ones come too late, or "
              "from somebody who guesses keys.",
              (rate("cancel_requests_total", "outcome"), "{{outcome}}")),
    ]),
    ("Routes and certificates", [
        graph("Age of the route map", "s",
              "The time since the route map was confirmed, or loaded if its writer does not confirm it. frost sync confirms it at least "
              "every 75 s; the map of frost only changes with its branches.",
              (f"max by (instance) ({series('route_map_age_seconds')})", "{{instance}}")),
        graph("Route map reloads", "short",
              "Changed route maps within five minutes that were loaded, or could not be.",
              (f"sum by (result) (increase({series('route_reloads_total')}[5m]))", "{{result}}")),
        graph("Certificate reloads", "short",
              "Changed certificates within five minutes that were loaded, or could not be.",
              (f"sum by (result) (increase({series('certificate_reloads_total')}[5m]))", "{{result}}")),
        graph("Hostnames", "short",
              "Hostnames of the route map by state, addresses that several branches claim, and hostnames that no certificate covers.",
              (f"sum by (state) ({series('routes')})", "{{state}}"),
              (f"sum({series('route_address_conflicts')})", "addresses in conflict"),
              (f"sum({series('hostnames_uncovered')})", "uncovered"), decimals=0),
        graph("Invalid files", "short",
              "Expired: 1 while the route map has not been confirmed in time and new connections are refused. Stale: files that cannot be "
              "loaded; what was loaded before stays in effect.",
              (f"max({series('route_map_expired')})", "route map expired"), (f"max({series('route_map_stale')})", "route map stale"),
              (f"sum({series('certificates_stale')})", "certificates stale"), decimals=0),
        graph("Certificates: time left", "s", "The time until each certificate expires. Renewals show as steps upwards.",
              (f"min by (name) ({series('certificate_expiry_seconds')}) - time()", "{{name}}"), minimum=None),
    ]),
    ("The process", [
        graph("Event-loop lag p99", "s",
              "How late the gateway's timers run: one in a hundred later than this. All sessions share the event loops, so their "
              "queries wait as long.",
              (quantile(0.99, "event_loop_lag_seconds", "instance"), "{{instance}}")),
        graph("CPU", "percentunit", "CPU time of the gateway. 100 % is one core.",
              (f"rate({series('process_cpu_seconds_total')}[$__rate_interval])", "{{instance}}")),
        graph("Memory", "bytes", "Resident and virtual memory of the gateway. Idle sessions take about 28 KB each.",
              (series("process_resident_memory_bytes"), "{{instance}} resident"),
              (series("process_virtual_memory_bytes"), "{{instance}} virtual")),
        graph("File descriptors", "short",
              "Open file descriptors, and how many the gateway may open. A session takes two. When none is left, it cannot accept "
              "connections.",
              (series("process_open_fds"), "{{instance}} open"), (series("process_max_fds"), "{{instance}} limit"), decimals=0),
    ]),
]


def variables():
    yield dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    for name, label, text in [
        ("job", "Job", "label_values(postgres_gateway_build_info, job)"),
        ("instance", "Gateway", 'label_values(postgres_gateway_build_info{job=~"$job"}, instance)'),
    ]:
        yield (
            dashboard.QueryVariable(name).label(label).datasource(SOURCE).query(text).multi(True).include_all(True)
            .current(model.VariableOption(text="All", value="$__all"))
            .refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(model.VariableSort.ALPHABETICAL_ASC)
        )


def build():
    page = (
        dashboard.Dashboard("postgres-gateway").uid("postgres-gateway").tags(["postgresql", "postgres-gateway"])
        .description("Sessions, refusals, branches, certificates and resources of postgres-gateway.")
        .time("now-1h", "now").refresh("30s").timezone("browser").tooltip(model.DashboardCursorSync.CROSSHAIR).editable()
    )
    for variable in variables():
        page.with_variable(variable)
    identifier = 1
    for title, panels in ROWS:
        page.with_row(dashboard.Row(title).id(identifier))
        identifier += 1
        for panel in panels:
            page.with_panel(panel.id(identifier))
            identifier += 1
    return json.dumps(page.build(), cls=JSONEncoder, indent=2, ensure_ascii=False) + "\n"


def main():
    text = build()
    if sys.argv[1:] == ["--check"]:
        if FILE.read_text() != text:
            sys.exit(f"{FILE.name} is not what this program writes; run: .build-compat/monitoring/bin/python monitoring/dashboard.py")
    elif sys.argv[1:]:
        sys.exit(__doc__)
    else:
        FILE.write_text(text)


if __name__ == "__main__":
    main()
