// Drawing one curve: pure functions from points to SVG. Times without records stay visibly empty.

import { tick } from "./clock.js";
import { s } from "./dom.js";
import { t } from "./text.js";
import { figure } from "./values.js";

const MARGIN = { left: 46, right: 12, top: 12, bottom: 26 };
const GAP_WORD_PX = 64;
const HOUR_MS = 3600000;

/** Round steps for about `count` ticks between `low` and `high`. */
export function ticks(low, high, count) {
  const rough = (high - low) / count;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough * 0.999);
  const found = [];
  for (let at = Math.ceil(low / step - 1e-9) * step; at <= high + step * 1e-9; at += step) found.push(at);
  return found;
}

/** Runs of neighbouring points, and the spans [from, to] in which nothing was recorded for longer than `limitMs`. */
export function cut(points, fromMs, toMs, limitMs) {
  const runs = [];
  const gaps = [];
  let endMs = fromMs;
  for (const point of points) {
    const isNew = point.startMs - endMs > limitMs;
    if (isNew) gaps.push([endMs, point.startMs]);
    if (isNew || runs.length === 0) runs.push([]);
    runs.at(-1).push(point);
    endMs = point.endMs;
  }
  if (toMs - endMs > limitMs) gaps.push([endMs, toMs]);
  return { runs, gaps };
}

/** The vertical range: the values with air around them, never narrower than what the page can resolve. */
export function range(points, how, isState) {
  if (isState) return [-0.15, 1.15];
  const low = Math.min(...points.map((point) => point.min));
  const high = Math.max(...points.map((point) => point.max));
  const least = (4 * 10 ** -how.decimals) / how.factor;
  const air = Math.max((high - low) * 0.12, (least - (high - low)) / 2, 0);
  return [low >= 0 && low - air < 0 ? 0 : low - air, high + air];
}

function lines(run, x, y, isState) {
  if (!isState) return `M${run.map((point) => `${x(point.midMs)} ${y(point.mean)}`).join("L")}`;
  return run.map((point, i) => (i === 0 ? `M${x(point.midMs)} ${y(point.max)}` : `H${x(point.midMs)}V${y(point.max)}`)).join("");
}

function band(run, x, y) {
  const upper = run.map((point) => `${x(point.midMs)} ${y(point.max)}`);
  const lower = run.map((point) => `${x(point.midMs)} ${y(point.min)}`).reverse();
  return `M${[...upper, ...lower].join("L")}Z`;
}

function timeAxis(fromMs, toMs, x, box) {
  const every = ((toMs - fromMs) / HOUR_MS > 30 ? 2 : 1) * (box.width < 520 ? 6 : 3);
  const found = [];
  for (let at = Math.ceil(fromMs / HOUR_MS) * HOUR_MS; at <= toMs; at += HOUR_MS) {
    const { hour, day } = tick(at);
    if (hour % every !== 0) continue;
    const at_x = x(at);
    if (at_x < MARGIN.left + 8 || at_x > box.width - MARGIN.right - 8) continue;
    found.push(s("line", { class: "grid", x1: at_x, x2: at_x, y1: MARGIN.top, y2: box.height - MARGIN.bottom }));
    found.push(s("text", { x: at_x, y: box.height - 7, "text-anchor": "middle" }, hour === 0 ? day : `${hour}:00`));
  }
  return found;
}

function valueAxis(limits, y, box, how, words) {
  const at = words ? [0, 1] : ticks(limits[0] * how.factor, limits[1] * how.factor, box.height < 240 ? 4 : 5).map((v) => v / how.factor);
  const decimals = words ? 0 : Math.max(0, ...at.map((v) => (String(Number((v * how.factor).toPrecision(6))).split(".")[1] ?? "").length));
  return at.flatMap((value) => [
    s("line", { class: "grid", x1: MARGIN.left, x2: box.width - MARGIN.right, y1: y(value), y2: y(value) }),
    s("text", { x: MARGIN.left - 7, y: y(value) + 4.5, "text-anchor": "end" }, words ? t(words[value]) : figure(value, { ...how, decimals })),
  ]);
}

/**
 * Draw `points` ({startMs, endMs, midMs, min, max, mean}) into an SVG of `box` pixels.
 * Answers the element, the scale x(ms), y(value), and the gaps.
 */
export function draw(points, { fromMs, toMs, limitMs, how, words, box, label }) {
  const limits = range(points, how, Boolean(words));
  const width = box.width - MARGIN.left - MARGIN.right;
  const height = box.height - MARGIN.top - MARGIN.bottom;
  const x = (ms) => Number((MARGIN.left + ((ms - fromMs) / (toMs - fromMs)) * width).toFixed(1));
  const y = (value) => Number((MARGIN.top + (1 - (value - limits[0]) / (limits[1] - limits[0])) * height).toFixed(1));
  const { runs, gaps } = cut(points, fromMs, toMs, limitMs);
  const cursor = s("line", { class: "cursor", y1: MARGIN.top, y2: box.height - MARGIN.bottom, visibility: "hidden" });
  const dot = s("circle", { class: "dot", r: 4.5, visibility: "hidden" });
  const svg = s(
    "svg",
    { class: "plot", viewBox: `0 0 ${box.width} ${box.height}`, role: "img", "aria-label": label(gaps.length) },
    gaps.map(([a, b]) => s("rect", { class: "gap", x: x(a), y: MARGIN.top, width: Math.max(1, x(b) - x(a)), height })),
    gaps.filter(([a, b]) => x(b) - x(a) > GAP_WORD_PX).map(([a, b]) => s("text", { class: "gap-word", x: (x(a) + x(b)) / 2, y: MARGIN.top + 18, "text-anchor": "middle" }, t("gap"))),
    valueAxis(limits, y, box, how, words),
    timeAxis(fromMs, toMs, x, box),
    s("line", { class: "axis", x1: MARGIN.left, x2: box.width - MARGIN.right, y1: box.height - MARGIN.bottom, y2: box.height - MARGIN.bottom }),
    words ? [] : runs.filter((run) => run.length > 1).map((run) => s("path", { class: "band", d: band(run, x, y) })),
    runs.map((run) => (run.length > 1
      ? s("path", { class: "curve", d: lines(run, x, y, Boolean(words)) })
      : s("circle", { class: "dot", cx: x(run[0].midMs), cy: y(words ? run[0].max : run[0].mean), r: 2.5 }))),
    cursor,
    dot,
  );
  const point_to = (point) => {
    const at = { x: x(point.midMs), y: y(words ? point.max : point.mean) };
    for (const [name, value] of [["x1", at.x], ["x2", at.x], ["visibility", "visible"]]) cursor.setAttribute(name, value);
    for (const [name, value] of [["cx", at.x], ["cy", at.y], ["visibility", "visible"]]) dot.setAttribute(name, value);
  };
  return { svg, x, gaps, pointTo: point_to };
}
