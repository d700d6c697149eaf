"""Rows of the journal as the shapes of the API: NaN to null, nanoseconds to ISO text, flags to words."""

from __future__ import annotations

from api.cards import flag_key, number_or_none, severity_key
from api.counted import Counted
from api.schemas import CountedOut, EventOut, LatestOut, ObservationOut, PointOut, QuarantineOut, SeriesOut
from api.times import iso, iso_or_none
from api.town import DEFAULT_INTERVAL_S, Town
from devices.quantities import QUANTITIES
from ingest.journal_read import EventRow, LatestRow, ObservationRow, PointRow, QuarantineEntry, SeriesRow

RAW_SHOWN_BYTES = 256


def latest_out(row: LatestRow) -> LatestOut:
    """Return the newest reading of a series."""
    return LatestOut(
        device_id=row.device_id,
        quantity=row.quantity,
        value=number_or_none(row.value),
        unit=unit_of(row.quantity),
        flag=flag_key(row.flag),
        observed_at=iso(row.observed_ns),
        received_at=iso_or_none(row.received_ns),
        heard_at=iso_or_none(row.heard_ns),
        commit_no=row.commit_no,
    )


def unit_of(quantity: str) -> str:
    """Return the UCUM unit of a quantity, `1` for one the table does not have."""
    found = QUANTITIES.get(quantity)
    return found.unit if found else "1"


def series_out(row: SeriesRow, town: Town) -> SeriesOut:
    """Return a series with what is needed to list and draw it."""
    quantity = QUANTITIES.get(row.quantity)
    device = town.devices.get(row.device_id)
    gateway = town.gateways.get(row.device_id)
    station = town.stations.get(town.station_of(row.device_id))
    return SeriesOut(
        device_id=row.device_id,
        quantity=row.quantity,
        device_name=device.name if device else gateway.name if gateway else row.device_id,
        station_id=station.id if station else "",
        station_name=station.name if station else "",
        domain=town.domain_of(row.device_id),
        title_ja=quantity.title_ja if quantity else row.quantity,
        title_en=quantity.title_en if quantity else row.quantity,
        unit=quantity.unit if quantity else "1",
        kind=quantity.kind if quantity else "gauge",
        resolution=quantity.resolution if quantity else 0.0,
        expected_interval_s=town.interval_s.get(row.device_id, DEFAULT_INTERVAL_S),
    )


def event_out(row: EventRow, town: Town) -> EventOut:
    """Return one line of the event log."""
    event = row.event
    return EventOut(
        event_no=row.event_no,
        event_id=event.event_id,
        rule_id=event.rule_id,
        subject=event.subject,
        device_id=event.device_id,
        station_id=town.station_of(event.subject) or town.station_of(event.device_id),
        quantity=event.quantity,
        state=event.state.value,
        severity=severity_key(event.severity),
        observed_at=iso(event.observed_ns),
        detected_at=iso(event.detected_ns),
        value=number_or_none(event.value),
        limit=number_or_none(event.limit),
    )


def observation_out(row: ObservationRow) -> ObservationOut:
    """Return one stored value."""
    return ObservationOut(
        observed_at=iso(row.observed_ns),
        received_at=iso_or_none(row.received_ns),
        value=number_or_none(row.value),
        flag=flag_key(row.flag),
        seq=row.seq,
    )


def point_out(row: PointRow) -> PointOut:
    """Return one bucket of a chart."""
    return PointOut(
        start_at=iso(row.start_ns),
        end_at=iso(row.end_ns),
        min=number_or_none(row.min),
        max=number_or_none(row.max),
        mean=number_or_none(row.mean),
        count=row.count,
    )


def counted_out(one: Counted) -> CountedOut:
    """Return one counter with its texts."""
    return CountedOut(source=one.source, name=one.name, text_ja=one.texts[0], text_en=one.texts[1], count=one.value)


def quarantine_out(row: QuarantineEntry) -> QuarantineOut:
    """Return one row of the quarantine with the first bytes of what came."""
    return QuarantineOut(
        id=row.id,
        publisher=row.publisher,
        device_id=row.device_id,
        reason=row.reason,
        detail=row.detail,
        raw_hex=row.raw[:RAW_SHOWN_BYTES].hex(),
        raw_bytes=len(row.raw),
        received_at=iso_or_none(row.last_received_ns),
        count=row.count,
    )
