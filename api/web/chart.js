// The chart: choose a series and a period, read values by pointer or by keyboard, or open the table.

import { longTime, parse, shortTime, townNow } from "./clock.js";
import { h } from "./dom.js";
import { get } from "./net.js";
import { draw } from "./plot.js";
import { language, pick, t } from "./text.js";
import { scale, withUnit } from "./values.js";

const HOUR_MS = 3600000;
const AGAIN_MS = 1500;
const ORDER = ["snow_depth", "air_temperature", "distance", "contact_open", "relative_humidity"];
const STATE_WORDS = { contact_open: { 0: "closed", 1: "open" }, occupancy: { 0: "still", 1: "moving" } };

const keyOf = (series) => `${series.device_id}/${series.quantity}`;
const rank = (series) => (ORDER.indexOf(series.quantity) + ORDER.length + 1) % (ORDER.length + 1);

/** Series that may be drawn on the public page, in the order in which people look for them. */
export function drawable(all) {
  return all.filter((series) => series.domain !== "watch").sort((a, b) => rank(a) - rank(b));
}

/** Build the chart inside `root`. Answers {setSeries, touch, redraw}. */
export function makeChart(root) {
  const state = { series: [], chosen: null, hours: 24, points: [], fromMs: 0, toMs: 1, timer: null, serial: 0 };
  const view = skeleton(root, {
    choose: (key) => load({ ...pickSeries(key) }),
    span: (hours) => load({ hours }),
  });

  function pickSeries(key) {
    return { chosen: state.series.find((series) => keyOf(series) === key) ?? null };
  }

  async function load(change = {}) {
    Object.assign(state, change);
    if (state.chosen === null) return show();
    const serial = ++state.serial;
    const toMs = townNow();
    const fromMs = toMs - state.hours * HOUR_MS;
    const count = root.clientWidth < 520 ? 144 : 288;
    const query = new URLSearchParams({ from: new Date(fromMs).toISOString(), to: new Date(toMs).toISOString(), points: count });
    const path = [state.chosen.device_id, state.chosen.quantity].map(encodeURIComponent).join("/");
    try {
      const answer = await get(`/api/v1/series/${path}/observations?${query}`);
      if (serial !== state.serial) return undefined; // a newer choice has been made meanwhile
      Object.assign(state, { points: answer.points.filter((point) => point.mean !== null).map(fromApi), fromMs, toMs });
    } catch {
      return undefined; // the banner says that the connection is gone; the old curve carries its own times
    }
    return show();
  }

  function show() {
    view.show(state);
  }

  new ResizeObserver(() => view.resized() && show()).observe(root);
  return {
    setSeries(all) {
      state.series = drawable(all);
      if (!state.series.some((series) => state.chosen && keyOf(series) === keyOf(state.chosen))) state.chosen = state.series[0] ?? null;
      view.options(state);
      return load();
    },
    touch(reading) {
      const isShown = reading === null || (state.chosen && keyOf(reading) === keyOf(state.chosen));
      if (!isShown || state.timer !== null) return;
      state.timer = setTimeout(() => {
        state.timer = null;
        load();
      }, AGAIN_MS);
    },
    redraw() {
      view.options(state);
      show();
    },
  };
}

function fromApi(point) {
  const startMs = parse(point.start_at);
  const endMs = parse(point.end_at);
  return { ...point, startMs, endMs, midMs: (startMs + endMs) / 2 };
}

function skeleton(root, act) {
  const select = h("select", { "aria-label": t("series"), onchange: () => act.choose(select.value) });
  const spans = h("div", { class: "spans", role: "radiogroup", "aria-label": t("span") }, [24, 48].map((hours) =>
    h("label", {}, h("input", { type: "radio", name: "hours", value: hours, checked: hours === 24, onchange: () => act.span(hours) }), h("span", { "data-text": `hours_${hours}` }, t(`hours_${hours}`)))));
  const paper = h("div", {});
  const slider = h("input", { class: "slider", type: "range", min: 0, step: 1 });
  const readout = h("p", { class: "readout", "aria-hidden": "true" });
  const rows = h("div", { class: "rows", tabindex: 0 });
  const table = h("details", {}, h("summary", { "data-text": "table" }, t("table")), rows);
  const empty = h("p", { class: "age" });
  root.replaceChildren(h("div", { class: "chart-controls" }, select, spans), empty, paper, slider, readout, table);
  let drawn = null;
  let width = 0;

  function point(state, index) {
    const at = state.points[index];
    if (!at || !drawn) return;
    slider.value = index;
    drawn.pointTo(at);
    readout.textContent = readoutOf(state.chosen, at);
    slider.setAttribute("aria-valuetext", readout.textContent);
  }

  return {
    resized() {
      const is_new = Math.abs(root.clientWidth - width) > 8;
      width = root.clientWidth;
      return is_new;
    },
    options(state) {
      select.replaceChildren(...byStation(state.series));
      if (state.chosen) select.value = keyOf(state.chosen);
      select.setAttribute("aria-label", t("series"));
      spans.setAttribute("aria-label", t("span"));
      slider.setAttribute("aria-label", t("chart_hint"));
    },
    show(state) {
      const isEmpty = state.chosen === null || state.points.length === 0;
      empty.hidden = !isEmpty;
      empty.textContent = t(state.chosen === null ? "no_series" : "no_points");
      for (const element of [paper, slider, readout, table]) element.hidden = isEmpty;
      if (isEmpty) return;
      drawn = drawn_of(state, root.clientWidth);
      paper.replaceChildren(drawn.svg);
      slider.max = state.points.length - 1;
      drawn.svg.addEventListener("pointermove", (event) => point(state, nearest(state, drawn, event)));
      slider.oninput = () => point(state, Number(slider.value));
      point(state, state.points.length - 1);
      rows.replaceChildren(tableOf(state));
    },
  };
}

function byStation(all) {
  const groups = new Map();
  for (const series of all) {
    if (!groups.has(series.station_name)) groups.set(series.station_name, []);
    groups.get(series.station_name).push(series);
  }
  return [...groups].map(([name, members]) =>
    h("optgroup", { label: name }, members.map((series) => h("option", { value: keyOf(series) }, `${pick(series, "title")}（${series.device_name}）`))));
}

function drawn_of(state, width) {
  const { chosen, points } = state;
  const how = scale(chosen.quantity, chosen.unit);
  const inner = Math.max(260, width - 36);
  const words = STATE_WORDS[chosen.quantity];
  const bucketMs = (state.hours * HOUR_MS) / 144;
  const say = (value) => (words ? t(words[Math.round(value)]) : withUnit(value, how));
  return draw(points, {
    ...state, how, words,
    limitMs: Math.max(3000 * chosen.expected_interval_s, 1.5 * bucketMs),
    box: { width: inner, height: words ? 150 : Math.round(Math.min(320, Math.max(210, inner * 0.42))) },
    label: (gaps) => t("chart_text", {
      place: chosen.station_name, title: pick(chosen, "title"), from: longTime(state.fromMs), to: longTime(state.toMs),
      min: say(Math.min(...points.map((p) => p.min))), max: say(Math.max(...points.map((p) => p.max))),
      last: say(points.at(-1).mean), gaps: gaps ? t("gaps", { n: gaps }) : "",
    }),
  });
}

function nearest(state, drawn, event) {
  const frame = drawn.svg.getBoundingClientRect();
  const at = ((event.clientX - frame.left) / frame.width) * drawn.svg.viewBox.baseVal.width;
  let best = 0;
  state.points.forEach((point, i) => {
    if (Math.abs(drawn.x(point.midMs) - at) < Math.abs(drawn.x(state.points[best].midMs) - at)) best = i;
  });
  return best;
}

function readoutOf(series, point) {
  const words = STATE_WORDS[series.quantity];
  const how = scale(series.quantity, series.unit);
  const say = (value) => (words ? t(words[Math.round(value)]) : withUnit(value, how));
  const time = shortTime(point.midMs);
  if (say(point.min) === say(point.max) || words) return `${time}　${say(words ? point.max : point.mean)}`;
  return t("readout", { time, value: say(point.mean), min: say(point.min), max: say(point.max) });
}

/** One row an hour, newest first: more rows would help nobody. */
function tableOf(state) {
  const how = scale(state.chosen.quantity, state.chosen.unit);
  const hours = new Map();
  for (const point of state.points) {
    const hour = Math.floor(point.midMs / HOUR_MS) * HOUR_MS;
    hours.set(hour, [...(hours.get(hour) ?? []), point]);
  }
  const heads = ["time", "mean", "min", "max"].map((key, i) => h("th", { scope: "col", class: i ? "number" : null }, t(key)));
  const rows = [...hours].reverse().map(([hour, points]) => {
    const count = points.reduce((sum, point) => sum + point.count, 0);
    const mean = points.reduce((sum, point) => sum + point.mean * point.count, 0) / count;
    const cells = [mean, Math.min(...points.map((p) => p.min)), Math.max(...points.map((p) => p.max))];
    return h("tr", {}, h("th", { scope: "row" }, shortTime(hour)), cells.map((value) => h("td", { class: "number" }, withUnit(value, how))));
  });
  return h("table", { lang: language() === "en" ? "en" : "ja" }, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows));
}
