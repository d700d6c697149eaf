"""`satomori decode` and `satomori devices add-codec`: what bytes mean, and codecs of the site's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from devices.model import PermanentError

if TYPE_CHECKING:
    from devices.codec_catalog import CodecFiles, Trial


def decode(
    payloads: Annotated[list[str] | None, typer.Argument(metavar="HEX…", help="Payloads as hexadecimal bytes.")] = None,
    device: Annotated[
        str, typer.Option("--device", "--model", help="Model name of the catalogue.", metavar="MODEL")
    ] = "",
    port: Annotated[int | None, typer.Option(help="LoRaWAN FPort, 1 to 223.", min=0, max=255)] = None,
    stream: Annotated[
        Path | None, typer.Option(help="A serial capture: one JSON object a frame.", metavar="FILE")
    ] = None,
    codecs: Annotated[
        Path | None, typer.Option(help="Folder of the site's own codecs, for --device.", metavar="DIR")
    ] = None,
    codec: Annotated[
        Path | None, typer.Option(help="Instead of --device: run this JavaScript codec.", metavar="FILE.js")
    ] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="With --codec: show what this mapping makes of it.", metavar="FILE.toml")
    ] = None,
) -> None:
    """Print what payloads of a device mean, one JSON object a payload; exit 0 if all decoded, else 2."""
    if bool(device) == (codec is not None):
        raise PermanentError("give either --device MODEL or --codec FILE.js")
    if codec is None:
        results = _by_model(device, codecs=codecs, port=port, source=_source(payloads, stream))
    elif stream is not None or port is None or not payloads:
        raise PermanentError("a codec needs --port and HEX payloads")
    else:
        results = _by_codec(codec, mapping, port=port, texts=payloads)
    is_good = True
    for result in results:
        is_good = is_good and "error" not in result
        typer.echo(json.dumps(result, ensure_ascii=False))
    raise typer.Exit(0 if is_good else 2)


def _source(payloads: list[str] | None, stream: Path | None) -> list[str] | Path:
    if stream is not None and not payloads:
        if not stream.is_file():
            raise PermanentError(f"capture file {stream} does not exist")
        return stream
    if stream is not None or not payloads:
        raise PermanentError("give either HEX payloads or --stream FILE")
    return payloads


def _by_model(
    model: str, *, codecs: Path | None, port: int | None, source: list[str] | Path
) -> Iterator[dict[str, Any]]:
    from devices.decode_file import decode_hex, decode_stream, find_model

    spec = find_model(model, codecs=codecs)
    if isinstance(source, Path):
        yield from decode_stream(spec, source.read_bytes())
    else:
        yield from (decode_hex(spec, port=port, text=text) for text in source)


def _by_codec(path: Path, mapping: Path | None, *, port: int, texts: list[str]) -> Iterator[dict[str, Any]]:
    """Yield `{"data"}` of each payload, with a mapping also `{"values", "units", "unmapped"}`."""
    from devices.codec_js import CodecWorker, Job, read_codec
    from devices.codec_mapping import read_mapping
    from devices.codec_show import show_data, show_values
    from devices.decode_file import read_hex

    rules = read_mapping(mapping) if mapping is not None else None
    codec = read_codec(path, min_length=rules.min_length if rules is not None else 1)
    with CodecWorker() as worker:
        for text in texts:
            try:
                data = worker.decode(codec, Job(payload=read_hex(text), port=port))
            except PermanentError as error:
                yield {"error": str(error), "bytes": text}
            else:
                yield show_data(data) | (show_values(rules, data) if rules is not None else {})


def add_codec(
    codec: Annotated[Path, typer.Argument(metavar="FILE.js", help="The codec as the vendor published it.")],
    mapping: Annotated[Path, typer.Option(help="What its fields mean, in our quantities.", metavar="FILE.toml")],
    examples: Annotated[Path, typer.Option(help="Payloads with the expected data.", metavar="FILE.json")],
    folder: Annotated[Path, typer.Option(help="The site's folder of codecs ([codecs] folder).", metavar="DIR")] = Path(
        "codecs"
    ),
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of the one that is there.")] = False,
) -> None:
    """Check a JavaScript codec with its mapping and examples, say what it does not publish, and install it."""
    from devices.codec_catalog import CodecFiles, install_codec

    files = CodecFiles(codec=codec, mapping=mapping, examples=examples)
    trial = _try_with_bar(files)
    target = install_codec(files, folder, trial.mapping.model, is_replaced=replace)
    for line in trial.failing:
        typer.echo(f"失敗（override のため使用） / fails, used because of override: {line}")
    typer.echo(f"試験 / examples: {trial.examples - len(trial.failing)} / {trial.examples}")
    for path in trial.unmapped:
        typer.echo(f"公開しない項目 / not published: {path}")
    typer.echo(f'組み込み先 / installed: {target}  (model = "{trial.mapping.model}")')


def _try_with_bar(files: CodecFiles) -> Trial:
    from rich.console import Console
    from rich.progress import Progress

    from devices.codec_catalog import try_codec
    from devices.codec_js import CodecWorker

    console = Console(stderr=True)
    with CodecWorker() as worker, Progress(console=console, disable=not console.is_terminal, transient=True) as bar:
        task = bar.add_task("examples", total=None)
        return try_codec(files, worker, lambda done, total: bar.update(task, completed=done, total=total))
