// The part of Node's Buffer that payload codecs use; evaluated before a codec whose text names Buffer.
(function () {
  "use strict";
  const digits = "0123456789abcdef";

  function fromHex(hex) {
    const bytes = [];
    for (let at = 0; at + 1 < hex.length; at += 2) {
      const byte = parseInt(hex.substr(at, 2), 16);
      if (byte !== byte) break;
      bytes.push(byte);
    }
    return bytes;
  }
  function fromLatin1(text) {
    return Array.from(text, (letter) => letter.charCodeAt(0) & 0xff);
  }
  function fromBase64(text) {
    const plain = text.replace(/-/g, "+").replace(/_/g, "/").replace(/[^A-Za-z0-9+/]/g, "");
    return fromLatin1(atob(plain + "=".repeat((4 - (plain.length % 4)) % 4)));
  }
  function fromUtf8(text) {
    const escaped = encodeURIComponent(text.toWellFormed());
    const bytes = [];
    for (let at = 0; at < escaped.length; at += 1) {
      if (escaped[at] === "%") {
        bytes.push(parseInt(escaped.substr(at + 1, 2), 16));
        at += 2;
      } else bytes.push(escaped.charCodeAt(at));
    }
    return bytes;
  }
  function toUtf8(bytes) {
    let text = "";
    for (let at = 0; at < bytes.length; ) {
      const lead = bytes[at];
      const size = lead < 0x80 ? 1 : lead >= 0xc2 && lead < 0xe0 ? 2 : lead >= 0xe0 && lead < 0xf0 ? 3 : lead >= 0xf0 && lead < 0xf5 ? 4 : 0;
      let piece = "\ufffd";
      try {
        const escaped = Array.from(bytes.slice(at, at + size), (byte) => "%" + digits[byte >> 4] + digits[byte & 15]);
        if (size) piece = decodeURIComponent(escaped.join(""));
      } catch (_) {}
      at += piece === "\ufffd" ? 1 : size;
      text += piece;
    }
    return text;
  }
  function bytesOf(text, encoding) {
    switch (String(encoding || "utf8").toLowerCase()) {
      case "hex":
        return fromHex(text);
      case "base64":
      case "base64url":
        return fromBase64(text);
      case "ascii":
      case "latin1":
      case "binary":
        return fromLatin1(text);
      default:
        return fromUtf8(text);
    }
  }

  class Buffer extends Uint8Array {
    static from(given, encoding, length) {
      if (typeof given === "string") return new Buffer(bytesOf(given, encoding));
      if (given instanceof ArrayBuffer) return new Buffer(given, encoding, length);
      return new Buffer(Array.from(given && given.type === "Buffer" ? given.data : given, (byte) => byte & 0xff));
    }
    static alloc(size, fill) {
      return new Buffer(size).fill(typeof fill === "number" ? fill : 0);
    }
    static allocUnsafe(size) {
      return new Buffer(size);
    }
    static isBuffer(given) {
      return given instanceof Buffer;
    }
    static concat(list) {
      return Buffer.from([].concat(...list.map((one) => Array.from(one))));
    }
    static byteLength(text, encoding) {
      return bytesOf(text, encoding).length;
    }
    toString(encoding, start, end) {
      const bytes = Array.from(this.subarray(start || 0, end === undefined ? this.length : end));
      switch (String(encoding || "utf8").toLowerCase()) {
        case "hex":
          return bytes.map((byte) => digits[byte >> 4] + digits[byte & 15]).join("");
        case "base64":
          return btoa(String.fromCharCode(...bytes));
        case "ascii":
          return String.fromCharCode(...bytes.map((byte) => byte & 0x7f));
        case "latin1":
        case "binary":
          return String.fromCharCode(...bytes);
        default:
          return toUtf8(bytes);
      }
    }
    toJSON() {
      return { type: "Buffer", data: Array.from(this) };
    }
    slice(start, end) {
      return this.subarray(start, end);
    }
    equals(other) {
      return this.length === other.length && this.every((byte, at) => byte === other[at]);
    }
    readUIntBE(offset, size) {
      let value = 0;
      for (let at = 0; at < size; at += 1) value = value * 256 + this._byte(offset + at);
      return value;
    }
    readUIntLE(offset, size) {
      let value = 0;
      for (let at = size - 1; at >= 0; at -= 1) value = value * 256 + this._byte(offset + at);
      return value;
    }
    readIntBE(offset, size) {
      const value = this.readUIntBE(offset, size);
      return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
    }
    readIntLE(offset, size) {
      const value = this.readUIntLE(offset, size);
      return value >= 2 ** (8 * size - 1) ? value - 2 ** (8 * size) : value;
    }
    _byte(at) {
      if (!(at >= 0 && at < this.length)) throw new RangeError("offset " + at + " is outside the buffer of " + this.length);
      return this[at];
    }
    _view(at, size) {
      this._byte(at + size - 1);
      return new DataView(this.buffer, this.byteOffset + at, size);
    }
  }

  const methods = Buffer.prototype;
  const add = (name, method) => Object.defineProperty(methods, name, { value: method, writable: true, configurable: true });
  const kinds = { Int8: 1, UInt8: 1, Int16: 2, UInt16: 2, Int32: 4, UInt32: 4, Float: 4, Double: 8, BigInt64: 8, BigUInt64: 8 };
  for (const kind of Object.keys(kinds)) {
    const size = kinds[kind];
    const viewed = kind === "Float" ? "Float32" : kind === "Double" ? "Float64" : kind.replace("UI", "Ui");
    for (const order of size === 1 ? [""] : ["LE", "BE"]) {
      const read = function (at) {
        return this._view(at || 0, size)["get" + viewed](0, order === "LE");
      };
      const write = function (value, at) {
        this._view(at || 0, size)["set" + viewed](0, value, order === "LE");
        return (at || 0) + size;
      };
      for (const name of [kind, kind.replace("UInt", "Uint")]) {
        add("read" + name + order, read);
        add("write" + name + order, write);
      }
    }
  }
  for (const name of ["readUIntBE", "readUIntLE"]) add(name.replace("UInt", "Uint"), methods[name]);
  globalThis.Buffer = Buffer;
})();
