"""All figures by their printed name, in the order in which they are measured."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from satomori.bench import alert, core, drain, footprint, history, influx, journal, live, transport
from satomori.bench.model import FigureFunction

FIGURES: Mapping[str, FigureFunction] = MappingProxyType(
    {
        "core_ratio": core.core_ratio,
        "core_vs_loop_ratio": core.core_vs_loop_ratio,
        "core_single_us": core.core_single_us,
        "decode_ratio": core.decode_ratio,
        "journal_ratio": journal.journal_ratio,
        "influx_ratio": influx.influx_ratio,
        "replay_winter_s_per_mio": history.replay_winter_s_per_mio,
        "e2e_qos1_ratio": transport.e2e_qos1_ratio,
        "alert_latency_ms": alert.alert_latency_ms,
        "drain_live_delay_ms": drain.drain_live_delay_ms,
        "history_year_ms": history.history_year_ms,
        "latest_1000_ms": history.latest_1000_ms,
        "sse_1000_p99_ms": live.sse_1000_p99_ms,
        "rss_gateway_mb": footprint.rss_gateway_mb,
        "start_s": footprint.start_s,
        "state_bytes_per_series": core.state_bytes_per_series,
        "scaling_exponent": core.scaling_exponent,
    }
)
