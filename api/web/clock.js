// The town's clock as the server tells it, and ages in words. A demo runs recorded time faster than real time.

import { language, t } from "./text.js";

let base = { townMs: Date.now(), atMs: performance.now(), speed: 1 };
let zone = "Asia/Tokyo";

/** Milliseconds since 1970 of an API time (nine digits), null for null. */
export function parse(text) {
  return text ? Date.parse(`${text.slice(0, 23)}Z`) : null;
}

/** Set the clock from a server message. */
export function setClock(nowAt, speed) {
  base = { townMs: parse(nowAt), atMs: performance.now(), speed };
}

export function setZone(name) {
  zone = name;
}

/** Milliseconds since 1970 in town time, now. */
export function townNow() {
  return base.townMs + (performance.now() - base.atMs) * base.speed;
}

const LOCALES = { ja: "ja-JP", ja_easy: "ja-JP", en: "en-GB" };

function form(options) {
  return new Intl.DateTimeFormat(LOCALES[language()], { timeZone: zone, hourCycle: "h23", ...options });
}

/** `1月15日(木) 6:00` */
export function longTime(ms) {
  return form({ month: "short", day: "numeric", weekday: "short", hour: "numeric", minute: "2-digit" }).format(ms);
}

/** `6:00` today, `1/15 6:00` on other days. */
export function shortTime(ms) {
  const day = form({ year: "numeric", month: "numeric", day: "numeric" });
  const clock = form({ hour: "numeric", minute: "2-digit" }).format(ms);
  if (day.format(ms) === day.format(townNow())) return clock;
  return `${form({ month: "numeric", day: "numeric" }).format(ms)} ${clock}`;
}

/** The hour of day (0–23) and the label of a tick. */
export function tick(ms) {
  const hour = Number(form({ hour: "numeric" }).formatToParts(ms).find((part) => part.type === "hour").value);
  return { hour, day: form({ month: "numeric", day: "numeric" }).format(ms) };
}

const STEPS = [
  [60, 1, "seconds"],
  [3600, 60, "minutes"],
  [172800, 3600, "hours"],
  [Infinity, 86400, "days"],
];

/** An age in words: `3分前`. */
export function age(ms) {
  const seconds = Math.max(0, (townNow() - ms) / 1000);
  if (seconds < 10) return t("just_now");
  const [, size, key] = STEPS.find(([limit]) => seconds < limit);
  return t(key, { n: Math.floor(seconds / size) });
}

/** Write the present age into every element of `root` that carries `data-since`. */
export function refreshAges(root = document) {
  for (const element of root.querySelectorAll("[data-since]")) {
    const words = t(element.dataset.ageText ?? "age", { age: age(Number(element.dataset.since)) });
    if (element.textContent !== words) element.textContent = words;
  }
}
