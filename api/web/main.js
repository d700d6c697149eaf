// The start page: read once, then follow the live stream. The server decides every state; this page only shows it.

import { sendAcknowledge, level, showAlerts } from "./alerts.js";
import { showCards } from "./cards.js";
import { makeChart } from "./chart.js";
import { longTime, refreshAges, setClock, setZone, townNow } from "./clock.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { follow } from "./live.js";
import { get, getHealth } from "./net.js";
import { showSystem } from "./strip.js";
import { followLanguage, t } from "./text.js";

const NAME_KEY = "satomori.name";
const TICK_MS = 1000;
const QUARANTINE_MS = 15000;
const FAST_REDRAW_SPEED = 60;

const at = (id) => document.getElementById(id);
const model = {
  town: null,
  speed: 1,
  stations: new Map(),
  alerts: new Map(),
  health: { parts: [], gateways: [] },
  quarantine: { counts: {}, rows: [] },
  isLost: false,
};
let chart = null;
let knownSeries = new Set();

function summary() {
  const stations = [...model.stations.values()];
  const open = [...model.alerts.values()];
  const fresh = open.filter((alert) => !alert.acknowledged_at && alert.severity !== "info");
  const urgent = fresh.filter((alert) => level(alert) === "alarm");
  const count = (state) => stations.filter((station) => station.state === state).length;
  const silent = stations.filter((station) => station.state === "unknown" || station.silent_devices.length > 0).length;
  if (model.isLost) return ["unknown", t("sum_lost")];
  if (urgent.length) return ["alarm", t("sum_alarm", { n: urgent.length })];
  if (fresh.length) return ["warning", t("sum_warning", { n: fresh.length })];
  if (silent) return ["unknown", t("sum_unknown", { n: silent })];
  if (stations.length === 0) return ["unknown", t("sum_none")];
  if (open.some((alert) => alert.severity !== "info")) return ["warning", t("sum_seen", { n: open.length })];
  if (count("late")) return ["late", t("sum_late", { n: count("late") })];
  return ["ok", t("sum_ok")];
}

function showSummary() {
  const [state, words] = summary();
  const root = at("summary");
  if (root.dataset.words === state + words) return; // do not make a screen reader say the same again
  root.dataset.words = state + words;
  root.className = `summary is-${state}`;
  root.replaceChildren(icon(state), h("span", {}, words));
}

function showNow() {
  const time = longTime(townNow());
  at("now").textContent = model.speed === 1 ? t("updated", { time }) : t("updated_fast", { time, speed: Math.round(model.speed) });
}

function show() {
  showSummary();
  showCards(at("cards"), [...model.stations.values()], model.isLost);
  showAlerts(at("alerts"), [...model.alerts.values()], acknowledge);
  showSystem(at("system"), model.health, model.quarantine, model.isLost);
  at("lost").hidden = !model.isLost;
  showNow();
  refreshAges();
}

function myName() {
  return at("my-name").value.trim() || t("my_name_default");
}

async function acknowledge(alert) {
  const receipt = await sendAcknowledge(alert.alert_id, myName());
  const shown = model.alerts.get(alert.alert_id);
  if (shown) model.alerts.set(alert.alert_id, { ...shown, acknowledged_at: receipt.at, acknowledged_by: receipt.by });
  show();
}

function takeHealth(message) {
  setClock(message.now_at, message.clock_speed);
  model.speed = message.clock_speed;
  model.health = message;
  for (const station of message.stations ?? []) model.stations.set(station.station_id, station);
  show();
  if (model.speed > FAST_REDRAW_SPEED) chart.touch(null);
}

function takeAlert(alert) {
  const old = model.alerts.get(alert.alert_id);
  if (alert.state === "resolved" || alert.is_history) model.alerts.delete(alert.alert_id);
  // An acknowledgement that was just sent stays shown until the alert service has recorded it.
  else model.alerts.set(alert.alert_id, { ...alert, acknowledged_at: alert.acknowledged_at ?? old?.acknowledged_at ?? null, acknowledged_by: alert.acknowledged_by ?? old?.acknowledged_by ?? null });
  show();
}

function takeReading(reading) {
  chart.touch(reading);
  if (!knownSeries.has(`${reading.device_id}/${reading.quantity}`)) loadSeries();
}

async function loadSeries() {
  const page = await get("/api/v1/series?limit=10000").catch(() => null);
  if (page === null) return;
  const keys = new Set(page.series.map((series) => `${series.device_id}/${series.quantity}`));
  const isNew = keys.size !== knownSeries.size;
  knownSeries = keys;
  if (isNew) await chart.setSeries(page.series);
}

async function loadAlerts() {
  const page = await get("/api/v1/alerts?state=firing&state=acknowledged&limit=500");
  model.alerts = new Map(page.alerts.filter((alert) => !alert.is_history).map((alert) => [alert.alert_id, alert]));
  return page.cursor;
}

async function loadAll() {
  const [town, stations, health] = await Promise.all([get("/api/v1/town"), get("/api/v1/stations"), getHealth()]);
  model.town = town;
  setZone(town.timezone);
  at("town").textContent = town.name;
  document.title = `里守り ${town.name}`;
  at("notice").textContent = town.notice;
  at("notice").hidden = !town.notice;
  model.stations = new Map(stations.stations.map((station) => [station.station_id, station]));
  takeHealth(health);
  await loadAlerts();
  show();
  return stations.cursor;
}

async function loadQuarantine() {
  const page = await get("/api/v1/quarantine?limit=20").catch(() => null);
  if (page === null) return;
  model.quarantine = page;
  show();
}

function setUp() {
  const name = at("my-name");
  try {
    name.value = localStorage.getItem(NAME_KEY) ?? "";
  } catch {
    name.value = ""; // no storage: the name is asked for on each visit
  }
  name.addEventListener("change", () => {
    try {
      localStorage.setItem(NAME_KEY, name.value.trim());
    } catch {
      // not remembered, still used
    }
  });
  followLanguage(() => {
    at("summary").dataset.words = "";
    show();
    chart.redraw();
  });
}

function lost(isLost) {
  model.isLost = isLost;
  if (!isLost) Promise.all([loadAlerts(), loadSeries(), loadQuarantine()]).then(show, () => undefined);
  show();
}

async function start() {
  setUp();
  chart = makeChart(at("chart"));
  let cursor = "";
  for (let wait = 1000; ; wait = Math.min(wait * 2, 10000)) {
    try {
      cursor = await loadAll();
      break;
    } catch {
      lost(true);
      await new Promise((resolve) => setTimeout(resolve, wait));
    }
  }
  model.isLost = false;
  follow(() => cursor, { reading: takeReading, event: () => undefined, alert: takeAlert, health: takeHealth, lost });
  await Promise.all([loadSeries(), loadQuarantine()]);
  setInterval(() => {
    showNow();
    refreshAges();
  }, TICK_MS);
  setInterval(loadQuarantine, QUARANTINE_MS);
  document.body.dataset.ready = "true";
}

start();
