// Station cards. A value is shown as current only while its state is ok; otherwise it is "the last value" with its age.

import { parse, shortTime } from "./clock.js";
import { h, sync } from "./dom.js";
import { icon } from "./icons.js";
import { language, pick, t } from "./text.js";
import { figure, scale } from "./values.js";

const TRAP = new Set(["fired", "check", "armed"]);

/** A chip: icon, word and colour of a state. */
export function chip(state, word = t(`state_${state}`)) {
  return h("span", { class: `chip is-${state}` }, icon(state), word);
}

/** A station as it may be shown: without a connection nothing is known to be fine. */
export function shown(station, isLost) {
  if (!isLost) return station;
  return {
    ...station,
    state: station.state === "alarm" ? "alarm" : "unknown",
    activity: station.activity === null ? null : "unknown",
    values: station.values.map((value) => ({ ...value, state: "unknown" })),
  };
}

function ageLine(at, key) {
  return h("span", { class: "age", "data-since": parse(at), "data-age-text": key });
}

function body(value) {
  if (value.value === null) return h("span", { class: "figure word" }, t("unusable"));
  if (value.meaning) return h("span", { class: "figure word" }, t(value.meaning));
  const how = scale(value.quantity, value.unit);
  return h("span", { class: "figure" }, figure(value.value, how), how.unit ? h("span", { class: "unit" }, how.unit) : null);
}

function lastKnown(value) {
  if (value.value === null) return t("unusable");
  const how = scale(value.quantity, value.unit);
  const words = value.meaning ? t(value.meaning) : `${figure(value.value, how)} ${how.unit}`.trim();
  return `${t("last_value")} ${words}`;
}

function titleOf(value, isOneOfMany) {
  if (isOneOfMany) return value.device_name;
  return TRAP.has(value.meaning) ? t("trap") : pick(value, "title");
}

function valueView(value, isOneOfMany) {
  const title = h("dt", {}, titleOf(value, isOneOfMany));
  if (value.state !== "unknown" || value.value === null) {
    return h("div", { class: "value" }, title, h("dd", {}, body(value)), value.observed_at && h("dd", {}, ageLine(value.observed_at, "age")));
  }
  return h("div", { class: "value" }, title, h("dd", { class: "old" }, lastKnown(value)), h("dd", {}, ageLine(value.observed_at, "age")));
}

function silence(station) {
  return h("p", { class: "stopped is-unknown" }, icon("unknown"), t(station.heard_at === null ? "never" : "stopped"));
}

function watchView(station) {
  const word = station.activity === "unknown" ? t("activity_unknown") : t(station.activity);
  return h("dl", { class: "values" }, h("div", { class: "value" }, h("dt", {}, t("activity")), h("dd", {}, h("span", { class: "figure word" }, word))));
}

function valuesView(station) {
  if (station.values.length === 0) return h("p", { class: "age" }, t("no_values"));
  // Two traps at one place are told apart by their names.
  const isOneOfMany = (value) => station.values.filter((other) => other.quantity === value.quantity).length > 1;
  return h("dl", { class: "values" }, station.values.map((value) => valueView(value, isOneOfMany(value))));
}

function cardBody(station) {
  if (station.activity !== null) return watchView(station);
  return station.values.length > 0 || station.heard_at !== null ? valuesView(station) : null;
}

function card(station) {
  const isSilent = station.silent_devices.length > 0;
  const muted = station.state === "muted" && station.muted_by;
  return h(
    "li",
    { class: `card is-${station.state}`, "data-station": station.station_id },
    h("div", { class: "card-head" },
      h("h3", {}, icon(station.domain), h("span", {}, station.name, h("span", { class: "only-read" }, `（${t(`domain_${station.domain}`)}）`))),
      chip(station.state)),
    isSilent ? silence(station) : null,
    muted ? h("p", { class: "age" }, t("muted_until", { by: station.muted_by, time: shortTime(parse(station.muted_until_at)) })) : null,
    cardBody(station),
    isSilent && station.heard_at && station.values.length === 0 ? h("p", {}, ageLine(station.heard_at, "age_heard")) : null,
  );
}

// A change of language must redraw what has not changed.
const mark = (item) => language() + JSON.stringify(item);

/** Show `stations` in `list`. */
export function showCards(list, stations, isLost) {
  sync(list, stations.map((station) => shown(station, isLost)), { key: (station) => station.station_id, render: card, mark });
}
