// The page behind an acknowledge link. The token stays in the fragment: it reaches no log and no preview robot.

import { level, seenButton, words } from "./alerts.js";
import { chip } from "./cards.js";
import { longTime, parse, setClock, setZone } from "./clock.js";
import { h } from "./dom.js";
import { icon } from "./icons.js";
import { get, post } from "./net.js";
import { followLanguage, t, writeTexts } from "./text.js";

const root = document.getElementById("letter");
const token = new URLSearchParams(location.hash.slice(1)).get("t") ?? "";
const state = { town: null, link: null, problem: "", receipt: null };

function done() {
  return h("p", { class: "seen large" }, icon("ok"), h("span", {}, t("link_done")));
}

function letter() {
  const { alert, by } = state.link;
  const isSeen = state.receipt !== null || alert.acknowledged_at !== null;
  const who = { by: state.receipt?.by ?? alert.acknowledged_by ?? by, time: longTime(parse(state.receipt?.at ?? alert.acknowledged_at ?? alert.opened_at)) };
  return h("article", { class: `alert is-${level(alert)}${isSeen ? " is-seen" : ""}` },
    h("div", { class: "alert-head" }, chip(level(alert)), alert.resolved_at ? h("span", { class: "age" }, t("resolved")) : null),
    h("h3", {}, words(alert)),
    h("p", { class: "place" }, [alert.station_name, t("opened", { time: longTime(parse(alert.opened_at)) }), t("case_no", { no: alert.case_no })].filter(Boolean).map((word) => h("span", {}, word))),
    isSeen ? [state.receipt ? done() : null, h("p", { class: "place" }, t("seen", who))] : seenButton(acknowledge));
}

async function acknowledge() {
  state.receipt = await post("/api/v1/links/acknowledge", { token });
  show();
}

function show() {
  writeTexts();
  if (state.town?.office_phone) document.getElementById("office").textContent = t("office", { phone: state.town.office_phone });
  if (state.problem) root.replaceChildren(h("p", { class: "failed", role: "alert" }, t(state.problem)));
  else if (state.link) root.replaceChildren(letter());
}

async function start() {
  followLanguage(show);
  try {
    state.town = await get("/api/v1/town");
    document.getElementById("town").textContent = state.town.name;
    setZone(state.town.timezone);
    setClock(state.town.now_at, state.town.clock_speed);
    state.link = await post("/api/v1/links/show", { token });
  } catch (error) {
    state.problem = error.status && error.status < 500 ? "link_wrong" : "link_failed";
  }
  show();
}

start();
