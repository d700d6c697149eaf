// The list of notices: what, where, since when, and one tap to say "seen".

import { parse, shortTime } from "./clock.js";
import { chip } from "./cards.js";
import { h, sync } from "./dom.js";
import { icon } from "./icons.js";
import { language, t } from "./text.js";
import { post } from "./net.js";

// A change of language must redraw what has not changed.
const mark = (item) => language() + JSON.stringify(item);
const LEVEL = { info: "ok", warning: "warning", critical: "alarm", life: "alarm" };

/** State key of an alert's severity. */
export function level(alert) {
  return LEVEL[alert.severity] ?? "warning";
}

/** What an alert says, in the chosen language. */
export function words(alert) {
  return alert[`text_${language()}`] || alert.text_ja;
}

export function seenLine(alert) {
  const time = alert.acknowledged_at ? shortTime(parse(alert.acknowledged_at)) : "";
  return h("p", { class: "seen" }, icon("ok"), t("seen", { by: alert.acknowledged_by ?? "", time }));
}

/** A button that is pressed once: it sends, and says so when that failed. */
export function seenButton(send) {
  const failed = h("p", { class: "failed", role: "alert", hidden: true }, t("ack_failed"));
  const button = h("button", { class: "button", type: "button" }, icon("ok"), h("span", {}, t("acknowledge")));
  button.addEventListener("click", async () => {
    button.disabled = true;
    button.lastChild.textContent = t("sending");
    failed.hidden = true;
    try {
      await send();
    } catch (error) {
      failed.textContent = error.status === 422 || error.status === 404 ? error.message : t("ack_failed");
      failed.hidden = false;
      button.disabled = false;
      button.lastChild.textContent = t("acknowledge");
    }
  });
  return h("div", {}, button, failed);
}

function placeWords(alert) {
  const since = t("opened", { time: shortTime(parse(alert.opened_at)) });
  return [alert.station_name || alert.subject, since, t("case_no", { no: alert.case_no })];
}

function view(alert, acknowledge) {
  const isSeen = alert.acknowledged_at !== null;
  return h(
    "li",
    { class: `alert is-${level(alert)}${isSeen ? " is-seen" : ""}`, "data-alert": alert.alert_id },
    h("div", { class: "alert-head" }, chip(level(alert)), h("span", { class: "age", "data-since": parse(alert.opened_at) })),
    h("h3", {}, words(alert)),
    h("p", { class: "place" }, placeWords(alert).map((word) => h("span", {}, word))),
    isSeen ? seenLine(alert) : seenButton(() => acknowledge(alert)),
  );
}

/** Show the open alerts, most urgent and not yet seen first. `acknowledge(alert)` sends and resolves when recorded. */
export function showAlerts(list, alerts, acknowledge) {
  const rank = (alert) => [alert.acknowledged_at ? 1 : 0, level(alert) === "alarm" ? 0 : 1, -parse(alert.opened_at)];
  const sorted = [...alerts].sort((a, b) => compare(rank(a), rank(b)));
  if (sorted.length === 0) {
    sync(list, ["none"], { key: () => "none", render: () => h("li", { class: "empty" }, icon("ok"), t("no_alerts")), mark });
    return;
  }
  sync(list, sorted, { key: (alert) => alert.alert_id, render: (alert) => view(alert, acknowledge), mark });
}

function compare(a, b) {
  const index = a.findIndex((part, i) => part !== b[i]);
  return index < 0 ? 0 : a[index] - b[index];
}

/** Send an acknowledgement; answers with who and when. */
export function sendAcknowledge(alertId, by) {
  return post(`/api/v1/alerts/${encodeURIComponent(alertId)}/acknowledge`, { by });
}
