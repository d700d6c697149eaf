"""The site's own codecs: each a sub-folder with a JavaScript codec, its mapping and its examples.

    codecs/acme_door_js/codec.js       as the vendor published it
    codecs/acme_door_js/mapping.toml   what its output means (devices.codec_mapping)
    codecs/acme_door_js/examples.json  payloads with the expected data (devices.codec_examples)

Each becomes a `DeviceSpec` like one of the catalogue, except that the simulator cannot encode for it.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from devices.codec_examples import Report, failing, read_examples
from devices.codec_js import Codec, CodecWorker, Job, read_codec, require_engine
from devices.codec_mapping import CodecMapping, read_mapping
from devices.lorawan import application_payload
from devices.model import Decoded, DeviceSpec, Frame, PermanentError
from devices.quantities import base_key
from devices.registry import load_catalog

CODEC, MAPPING, EXAMPLES = "codec.js", "mapping.toml", "examples.json"
_NAMES = (CODEC, MAPPING, EXAMPLES)
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class CodecFiles:
    """Where the three files of a codec are; `examples` may be missing when the mapping says `override`."""

    codec: Path
    mapping: Path
    examples: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of trying a codec: its mapping and text, examples that fail, fields of the examples nobody mapped."""

    mapping: CodecMapping
    codec: Codec
    failing: tuple[str, ...]
    unmapped: tuple[str, ...]
    examples: int


def load_codecs(folder: Path) -> Mapping[str, DeviceSpec]:
    """Return a spec for each codec in the sub-folders of `folder`, by the model name of its mapping.

    They share one worker process. Raises PermanentError listing everything that is wrong, one a line: a folder or file
    that is missing, a codec that is not the one its mapping was written for (SHA-256), examples that fail without
    `override`, a model name that is given twice or is one of the catalogue, the engine not installed.
    """
    if not folder.is_dir():
        raise PermanentError(f"codec folder {folder} does not exist")
    require_engine()
    worker = CodecWorker()
    problems: list[str] = []
    specs: dict[str, DeviceSpec] = {}
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        try:
            trial = try_codec(files_in(place), worker)
            if trial.mapping.model in specs:
                raise PermanentError(f"{place}: model {trial.mapping.model!r} is given twice")
            specs[trial.mapping.model] = spec_of(trial.mapping, trial.codec, worker)
        except PermanentError as error:
            problems.append(str(error))
    # a service that only wants to know the quantities need not keep an engine; the first payload starts it again
    worker.close()
    if problems:
        raise PermanentError("\n".join(problems))
    return MappingProxyType(specs)


def files_in(place: Path) -> CodecFiles:
    """Return the three files of a codec's folder."""
    return CodecFiles(codec=place / CODEC, mapping=place / MAPPING, examples=place / EXAMPLES)


def try_codec(files: CodecFiles, worker: CodecWorker, report: Report | None = None) -> Trial:
    """Read the three files and run the examples.

    Raises PermanentError as `load_codecs`; with `override` in the mapping, examples may fail or be missing.
    """
    require_engine()
    mapping = read_mapping(files.mapping)
    codec = read_codec(files.codec, name=mapping.model, min_length=mapping.min_length)
    if codec.sha256 != mapping.sha256:
        raise PermanentError(
            f"codec {files.codec} has the SHA-256 {codec.sha256}, its mapping was written for {mapping.sha256}; "
            "look what changed, then write the new one into the mapping"
        )
    if mapping.model in load_catalog():
        raise PermanentError(f"{files.mapping}: model {mapping.model!r} is one of the catalogue; choose another name")
    examples = read_examples(files.examples) if files.examples.is_file() or not mapping.override else ()
    wrong = failing(codec, examples, worker, report)
    if not mapping.override and not any(example.data for example in examples):
        raise PermanentError(f"{files.examples} has no example with data; override = true loads the codec unproven")
    if wrong and not mapping.override:
        told = "; ".join(wrong[:_SHOWN]) + (f" and {len(wrong) - _SHOWN} more" if len(wrong) > _SHOWN else "")
        raise PermanentError(f"codec {files.codec} fails its own examples (override = true loads it): {told}")
    unmapped = sorted({path for example in examples for path in mapping.unmapped(example.data or {})})
    return Trial(
        mapping=mapping, codec=codec, failing=tuple(wrong), unmapped=tuple(unmapped), examples=len(examples)
    )  # fmt: skip


def spec_of(mapping: CodecMapping, codec: Codec, worker: CodecWorker) -> DeviceSpec:
    """Return the codec as a device model. `decode` asks `worker`; `encode` always raises PermanentError."""

    def decode(frame: Frame) -> Decoded:
        return Decoded(values=mapping.values(codec_data(mapping, codec, worker, frame)))

    def encode(_decoded: Decoded) -> Frame:
        raise PermanentError(f"model {mapping.model} is a JavaScript codec, which only decodes; it cannot be simulated")

    return DeviceSpec(
        model=mapping.model, vendor=mapping.vendor, source_url=mapping.source_url,
        quantities=tuple(dict.fromkeys(base_key(rule.quantity) for rule in mapping.fields.values())),
        expected_interval_s=mapping.expected_interval_s, transport="lorawan", decode=decode, encode=encode,
        default_port=mapping.ports[0] if mapping.ports else None,
    )  # fmt: skip


def codec_data(mapping: CodecMapping, codec: Codec, worker: CodecWorker, frame: Frame) -> dict[str, Any]:
    """Return what the codec makes of a frame. Raises PermanentError, also for a port that the mapping does not name."""
    payload = application_payload(frame)
    if frame.port is None or (mapping.ports and frame.port not in mapping.ports):
        raise PermanentError(f"FPort {frame.port} is none of {', '.join(map(str, mapping.ports))}")
    job = Job(payload=payload, port=frame.port, received_ns=frame.received_ns, variables=mapping.variables)
    return worker.decode(codec, job)


def install_codec(files: CodecFiles, folder: Path, model: str, *, is_replaced: bool = False) -> Path:
    """Copy the three files into `folder` as one step: a codec there is always whole. Returns its sub-folder.

    Raises PermanentError when `model` is there already (unless `is_replaced`) or the files cannot be written.
    """
    target = folder / model
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if target.exists() and not is_replaced:
            raise PermanentError(f"codec {target} is there already; --replace puts the new one in its place")
        with tempfile.TemporaryDirectory(dir=folder, prefix=".codec-") as name:
            fresh = Path(name) / "new"
            fresh.mkdir()
            for source, plain in zip((files.codec, files.mapping, files.examples), _NAMES, strict=True):
                if source.is_file():
                    _copy(source, fresh / plain)
            if target.exists():
                target.rename(Path(name) / "old")
            fresh.rename(target)
    except OSError as error:
        raise PermanentError(f"codec {target} cannot be written: {error.strerror}") from error
    return target


def _copy(source: Path, target: Path) -> None:
    shutil.copyfile(source, target)
    with target.open("rb") as copied:
        os.fsync(copied.fileno())
