"""Logs as one JSON object a line on stderr: time, level, service, event name, fields. Ids only, never payloads."""

from __future__ import annotations

import json
import logging
import math
import sys
from datetime import UTC, datetime

# what every record carries by itself; the rest came by `extra`
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class _JsonLines(logging.Formatter):
    def __init__(self, service: str) -> None:
        super().__init__()
        self._service = service

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, tz=UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "service": self._service,
            "event": record.getMessage(),
        }
        line.update({k: _shown(v) for k, v in vars(record).items() if k not in _STANDARD and k not in line})
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def _shown(value: object) -> object:
    is_number = not isinstance(value, float) or math.isfinite(value)
    return value if is_number else str(value)  # JSON has no NaN


def setup_logging(*, service: str, level: str = "INFO") -> None:
    """Send the log of this process to stderr as JSON lines that name `service`; libraries only from WARNING on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines(service))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    for room in ("satomori", "api", "alerts", "gateway", "ingest", "firmware_sim", "devices"):
        logging.getLogger(room).setLevel(level)
