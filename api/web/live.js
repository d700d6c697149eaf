// The live stream: reconnects with its place kept, and says so when nothing has come for 15 seconds.

const SILENT_AFTER_MS = 15000;
const WATCH_EVERY_MS = 1000;
const AGAIN_MS = [1000, 2000, 5000, 10000];
const KINDS = ["reading", "event", "alert", "health"];

/**
 * Follow the stream from `cursor` (a function giving the place to begin at).
 * `handlers`: `reading`, `event`, `alert`, `health` get the decoded message; `lost(isLost)` is told when the
 * connection is gone or back.
 */
export function follow(cursor, handlers) {
  let source = null;
  let heardMs = performance.now();
  let isLost = false;
  let failures = 0;
  let place = cursor();

  function tell(lost) {
    if (lost === isLost) return;
    isLost = lost;
    handlers.lost(lost);
  }

  function hear(kind, message) {
    heardMs = performance.now();
    failures = 0;
    if (message.lastEventId) place = message.lastEventId;
    handlers[kind](JSON.parse(message.data));
    tell(false);
  }

  function connect() {
    source = new EventSource(`/api/v1/stream?after=${encodeURIComponent(place)}`);
    for (const kind of KINDS) source.addEventListener(kind, (message) => hear(kind, message));
    source.addEventListener("error", () => {
      // The browser reconnects by itself unless the server answered with an error.
      if (source.readyState !== EventSource.CLOSED) return;
      source.close();
      setTimeout(connect, AGAIN_MS[Math.min(failures, AGAIN_MS.length - 1)]);
      failures += 1;
    });
  }

  setInterval(() => tell(performance.now() - heardMs > SILENT_AFTER_MS), WATCH_EVERY_MS);
  connect();
}
