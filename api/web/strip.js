// How the system itself is: its parts, its gateways, and input that could not be read.

import { parse } from "./clock.js";
import { chip } from "./cards.js";
import { h } from "./dom.js";
import { pick, t, wordsOr } from "./text.js";

function part(item) {
  const advice = item.state === "ok" ? null : pick(item, "what_to_do");
  return h("li", { class: "part" },
    h("span", {}, pick(item, "name")),
    chip(item.state),
    advice ? h("span", { class: "advice" }, advice, " ", item.since_at ? h("span", { class: "age", "data-since": parse(item.since_at), "data-age-text": "age_heard" }) : null) : null);
}

function quarantineTable(page) {
  const heads = ["reason", "source", "detail"].map((key) => h("th", { scope: "col" }, t(key)));
  const rows = page.rows.slice(0, 20).map((row) =>
    h("tr", {}, h("th", { scope: "row", title: row.reason }, wordsOr(`reason_${row.reason}`, row.reason)), h("td", {}, row.device_id || row.publisher), h("td", {}, row.detail)));
  return h("div", { class: "rows", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)));
}

function quarantine(page, isOpen) {
  const total = Object.values(page.counts).reduce((sum, n) => sum + n, 0);
  if (total === 0) return h("p", { class: "age quarantine" }, t("quarantine_none"));
  return h("details", { class: "quarantine", open: isOpen }, h("summary", {}, t("quarantine", { n: total })), quarantineTable(page));
}

function countedTable(counted) {
  const rows = counted.map((one) => h("tr", {}, h("th", { scope: "row", title: one.name }, pick(one, "text")), h("td", {}, one.source), h("td", {}, String(one.count))));
  const heads = ["counted_what", "source", "counted_n"].map((key) => h("th", { scope: "col" }, t(key)));
  return h("div", { class: "rows", tabindex: 0 }, h("table", {}, h("thead", {}, h("tr", {}, heads)), h("tbody", {}, rows)));
}

/** What was dropped, came twice or had to be done again; nothing is shown while there is nothing. */
function counted(page, isOpen) {
  const rows = page.counted ?? [];
  if (rows.length === 0) return null;
  return h("details", { class: "counted", open: isOpen }, h("summary", {}, t("counted", { n: rows.length })), countedTable(rows));
}

/** Show `health` and `page` (quarantine) in `root`; without a connection every part is unknown. */
export function showSystem(root, health, page, isLost) {
  const isOpen = (name) => root.querySelector(`details.${name}`)?.open ?? false;
  const items = [...health.parts, ...health.gateways].map((item) => (isLost ? { ...item, state: "unknown", what_to_do_ja: "", what_to_do_en: "" } : item));
  root.replaceChildren(h("ul", { class: "parts" }, items.map(part)), quarantine(page, isOpen("quarantine")), ...[counted(page, isOpen("counted"))].filter(Boolean));
}
