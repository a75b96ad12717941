"""Whether traces are asked for, by OpenTelemetry's standard settings; all else of them is read by its SDK.

Source: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

from __future__ import annotations

from typing import Final

from services.setting_source import SettingError, SettingSource

_ENDPOINTS: Final = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS: Final = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_PROTOCOL: Final = "http/protobuf"


def read_traces_wanted(source: SettingSource) -> bool:
    """Only where an exporter or an endpoint is named: off otherwise. Raises SettingError."""
    if (source.text("OTEL_SDK_DISABLED") or "").strip().lower() == "true":
        return False
    exporter = source.text("OTEL_TRACES_EXPORTER")
    if exporter is None:
        wanted = any(source.text(name) for name in _ENDPOINTS)
    else:
        wanted = source.choice("OTEL_TRACES_EXPORTER", ("otlp", "none"), "none") == "otlp"
    if wanted:
        for name in _PROTOCOLS:
            if (protocol := source.text(name)) is not None:
                if protocol.strip().lower() != _PROTOCOL:
                    raise SettingError(f"{name}: {_PROTOCOL} is what this service speaks")
                break
    return wanted
