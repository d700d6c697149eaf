"""`python -m devices.codec_js_worker`: runs JavaScript payload codecs, one job after another, for `devices.codec_js`.

A process of its own, because a codec is somebody else's program: whatever it does ends here, at limits of the engine
(memory, stack, time) and, should these not hold, of the operating system. Each job gets a fresh context, so that a
codec that keeps state in globals gives the same data for the same bytes. Reads one JSON object a line, writes one a
line: `{"load": sha, "source": text}` keeps a codec, `{"run": sha, "bytes": …, "port": …, "now_ms": …, "seed": …,
"variables": …}` is answered by `{"kind", "result", "style"}` as `codec_prelude.js` makes it, or `{"threw": text}`.
"""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any, BinaryIO

MEMORY_BYTES = 16 * 1024**2
STACK_BYTES = 256 * 1024
TIME_S = 0.1
_PROCESS_BYTES = 512 * 1024**2
_CPU_S = 2
_MOST_RESULT_CHARS = 262_144
_MOST_DEPTH = 32
_ERROR_CHARS = 200
_DECODERS = ("decodeUplink", "Decoder", "Decode")
# a script, not a property of globalThis: `const decodeUplink = …` is no property
_FIND = "".join(f"typeof {name} === 'function' ? {name} : " for name in _DECODERS) + "undefined"
_NAME = "".join(f"typeof {name} === 'function' ? '{name}' : " for name in _DECODERS) + "''"


def main() -> None:
    """Answer jobs until standard input ends."""
    import quickjs  # type: ignore[import-untyped,unused-ignore]

    _limit_process()
    answers = sys.stdout.buffer
    _say(answers, {"ready": True})
    sources: dict[str, str] = {}
    texts = {name: _resource(name) for name in ("codec_prelude.js", "codec_buffer.js")}
    for line in sys.stdin.buffer:
        job = json.loads(line)
        if "load" in job:
            sources[job["load"]] = job["source"]
            continue
        _allow_cpu()
        _say(answers, _answer(quickjs, sources[job.pop("run")], job, texts))


def _resource(name: str) -> str:
    return (Path(__file__).parent / name).read_text(encoding="utf-8")


def _say(answers: BinaryIO, answer: dict[str, Any]) -> None:
    answers.write(json.dumps(answer).encode() + b"\n")
    answers.flush()


def _limit_process() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_PROCESS_BYTES, _PROCESS_BYTES))
    for forbidden in (resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):
        resource.setrlimit(forbidden, (0, 0))


def _allow_cpu() -> None:
    # the limit is on the process's whole life, so each job moves it on
    used = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (int(used.ru_utime + used.ru_stime) + 1 + _CPU_S, most))


def _answer(quickjs: Any, source: str, job: dict[str, Any], texts: dict[str, str]) -> dict[str, Any]:
    try:
        style, answer = _run(quickjs.Context(), source, job, texts)
    except quickjs.StackOverflow:
        return {"threw": f"recursion deeper than {STACK_BYTES // 1024} KiB of stack"}
    except (quickjs.JSException, UnicodeError) as error:
        return {"threw": _reason(str(error))}
    except MemoryError:
        return {"threw": f"more than {MEMORY_BYTES // 1024**2} MiB of memory"}
    if not style:
        return {"threw": f"there is no function {', '.join(_DECODERS)}"}
    return _checked(answer, style)


def _run(context: Any, source: str, job: dict[str, Any], texts: dict[str, str]) -> tuple[str, str]:
    """Return which of the functions was called (empty: none is there) and what the prelude made of its result."""
    context.set_memory_limit(MEMORY_BYTES)
    context.set_max_stack_size(STACK_BYTES)
    context.set_time_limit(TIME_S)
    # floats, because the engine's binding takes whole numbers as 32 bits
    run = context.eval(texts["codec_prelude.js"])(float(job["now_ms"]), float(job["seed"]))
    if "Buffer" in source:
        context.eval(texts["codec_buffer.js"])
    context.eval(source)
    style = context.eval(_NAME)
    if not style:
        return "", ""
    answer = run(context.eval(_FIND), style, json.dumps({key: job[key] for key in ("bytes", "port", "variables")}))
    return style, str(answer)


def _checked(answer: str, style: str) -> dict[str, Any]:
    if len(answer) > _MOST_RESULT_CHARS:
        return {"threw": f"a result of {len(answer)} characters, at most {_MOST_RESULT_CHARS} are allowed"}
    try:
        found = json.loads(answer)
        depth = _depth(found)
    except (ValueError, RecursionError):
        return {"threw": "the result is no JSON, or nested too deeply"}
    if depth > _MOST_DEPTH:
        return {"threw": f"a result nested {depth} deep, at most {_MOST_DEPTH} are allowed"}
    if isinstance(found, dict) and isinstance(found.get("threw"), str):
        return {"threw": _reason(found["threw"])}
    if not isinstance(found, dict) or not isinstance(found.get("kind"), str) or "result" not in found:
        return {"threw": "the result is no JSON"}  # a codec that bends the language's own objects
    return {"kind": found["kind"], "result": found["result"], "style": style}


def _depth(value: Any) -> int:
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return 1 + max(map(_depth, inner), default=0)


def _reason(text: str) -> str:
    """Return what the engine or the codec said, in one line; the engine's own limits in our words."""
    first = text.strip().split("\n")[0]
    if first.startswith("InternalError: interrupted"):
        return f"it ran longer than {TIME_S:g} s"
    if first.startswith("InternalError: out of memory") or first in ("null", ""):
        return f"more than {MEMORY_BYTES // 1024**2} MiB of memory (or it threw null)"
    return first[:_ERROR_CHARS]


if __name__ == "__main__":
    main()
