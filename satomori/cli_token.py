"""`satomori devices token NAME`: a fresh token for a sender of pushes, and the lines for `site.toml`."""

from __future__ import annotations

import hashlib
import json
import secrets
from typing import Annotated

import typer

_TOKEN_BYTES = 24


def fresh_token() -> tuple[str, str]:
    """Return a token nobody can guess, safe in a URL, and its SHA-256 in hex."""
    token = secrets.token_urlsafe(_TOKEN_BYTES)
    return token, hashlib.sha256(token.encode("ascii")).hexdigest()


def token(
    name: Annotated[str, typer.Argument(help="Whose token it is, such as the cloud or the device that pushes.")],
    device: Annotated[
        list[str] | None, typer.Option("--device", help="A device it may speak for; repeat. Default: all.")
    ] = None,
) -> None:
    """Make a token for a sender of pushes. It is shown once; site.toml keeps only its SHA-256.

    送信元の合言葉を作る。合言葉は一度だけ表示され、site.toml には照合用の値だけを書く。
    """
    if not 0 < len(name.strip()) <= 100:
        raise typer.BadParameter("a name of 1 to 100 characters, please")
    secret, sha256 = fresh_token()
    typer.echo("合言葉（この一度だけ表示。送信元に設定） / Token (shown once; for the sender):")
    typer.echo(f"  {secret}\n")
    typer.echo('site.toml の [[gateway.source]] kind = "http" の下へ / below that source in site.toml:')
    typer.echo("  [[gateway.source.token]]")
    typer.echo(f"  name = {json.dumps(name.strip(), ensure_ascii=False)}")
    typer.echo(f'  sha256 = "{sha256}"')
    if device:
        typer.echo(f"  devices = {json.dumps(device, ensure_ascii=False)}")
    typer.echo("\n宛先 / where to push:")
    typer.echo("  http://<gateway>:<port>/push/<uplink>/<token>   (or header  Authorization: Bearer <token>)")
