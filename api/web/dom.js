// Elements without markup strings: text from devices, files and people is only ever set as text.

const SVG = "http://www.w3.org/2000/svg";

/** Make an element: `h("p", {class: "age"}, "text", child)`; null children are left out. */
export function h(tag, attributes = {}, ...children) {
  return fill(document.createElement(tag), attributes, children);
}

/** Make an SVG element. */
export function s(tag, attributes = {}, ...children) {
  return fill(document.createElementNS(SVG, tag), attributes, children);
}

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, String(value));
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
  return element;
}

/**
 * Bring `list` to show `items` in order, touching only what has changed, so that focus and reading position stay.
 * `key(item)` names an item, `render(item)` makes its element. What is shown is compared by `mark(item)`.
 */
export function sync(list, items, { key, render, mark = JSON.stringify }) {
  const old = new Map([...list.children].map((child) => [child.dataset.key, child]));
  const wanted = items.map((item) => {
    const name = String(key(item));
    const text = mark(item);
    const known = old.get(name);
    old.delete(name);
    if (known && known.dataset.mark === text) return known;
    const made = render(item);
    made.dataset.key = name;
    made.dataset.mark = text;
    if (known) {
      const had = known.contains(document.activeElement);
      known.replaceWith(made);
      if (had) (made.querySelector("button, a, [tabindex]") ?? made).focus?.();
    }
    return made;
  });
  for (const gone of old.values()) gone.remove();
  wanted.forEach((element, index) => {
    if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
  });
}
