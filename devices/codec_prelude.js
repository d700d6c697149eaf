// Evaluated in a fresh context before a codec. Gives back the function that the worker calls with the codec's own
// function. What it needs of the language is kept here first, because the codec may replace anything global.
(function (nowMs, seed) {
  "use strict";
  const parse = JSON.parse;
  const stringify = JSON.stringify;
  const isArray = Array.isArray;
  const RealDate = Date;
  const text = String;

  // The clock stands at the moment the payload was received: the same bytes give the same data, also years later.
  function FrozenDate(...given) {
    if (!new.target) return new RealDate(nowMs).toString();
    return Reflect.construct(RealDate, given.length ? given : [nowMs], new.target);
  }
  FrozenDate.prototype = RealDate.prototype;
  RealDate.prototype.constructor = FrozenDate;
  FrozenDate.now = () => nowMs;
  FrozenDate.UTC = RealDate.UTC;
  FrozenDate.parse = RealDate.parse;
  globalThis.Date = FrozenDate;
  globalThis.performance = { now: () => 0, timeOrigin: nowMs };

  let state = seed >>> 0;
  Math.random = function () {
    // mulberry32
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };

  const nothing = () => undefined;
  globalThis.console = {};
  for (const name of ["log", "info", "warn", "error", "debug", "trace", "dir", "table", "assert", "group", "groupEnd"])
    globalThis.console[name] = nothing;

  // JSON has no word for these; a mark keeps them apart from values. The mark is a key that no codec writes.
  const odd = (word) => ({ "\u0001odd": word });
  function marked(key, value) {
    switch (typeof value) {
      case "undefined":
        return odd("undefined");
      case "number":
        return value - value === 0 ? value : odd(text(value));
      case "bigint":
        return value >= -9007199254740991n && value <= 9007199254740991n ? Number(value) : odd("bigint");
      case "function":
      case "symbol":
        return odd(typeof value);
      default:
        return value;
    }
  }

  function kindOf(value) {
    if (value === null) return "null";
    if (isArray(value)) return "array";
    return typeof value === "object" && typeof value.then === "function" ? "promise" : typeof value;
  }

  function call(decoder, style, job) {
    const { bytes, port, variables } = job;
    if (style === "Decoder") return decoder(bytes, port);
    if (style === "Decode") return decoder(port, bytes, variables);
    return decoder({ bytes, fPort: port, recvTime: new RealDate(nowMs), variables });
  }

  // Returns {"threw": text} or {"kind": word, "result": …}.
  return function (decoder, style, jobText) {
    let result;
    try {
      result = call(decoder, style, parse(jobText));
    } catch (error) {
      let said = "something that has no text";
      try {
        said = text(error);
      } catch (_) {}
      return stringify({ threw: said });
    }
    try {
      const kind = kindOf(result);
      return stringify({ kind, result: kind === "object" ? result : null }, marked);
    } catch (error) {
      return stringify({ threw: "the result is no JSON: " + text(error) });
    }
  };
});
