// The list of operations, read from our own openapi.json. No foreign viewer, so no foreign script.

import { h } from "./dom.js";
import { get } from "./net.js";

function operation(method, path, item) {
  const rows = (item.parameters ?? []).map((parameter) =>
    h("tr", {}, h("th", { scope: "row" }, parameter.name), h("td", {}, parameter.in), h("td", {}, parameter.description ?? "")));
  return h("section", { class: "alert" },
    h("h2", {}, `${method.toUpperCase()} ${path}`),
    h("p", {}, item.description ?? item.summary ?? ""),
    rows.length ? h("table", {}, h("tbody", {}, rows)) : null);
}

const page = await get("/openapi.json");
document.getElementById("about").textContent = page.info.description;
document.getElementById("operations").replaceChildren(
  ...Object.entries(page.paths).flatMap(([path, methods]) => Object.entries(methods).map(([method, item]) => operation(method, path, item))),
);
document.body.dataset.ready = "true";
