// Elements made so that text can only be text: nothing on this page parses HTML.

/** Text in which letters that nobody sees, or that turn the line around, are written as their code. */
export const visible = (text) =>
  String(text).replace(/(?! )[\p{C}\p{Z}]/gu, (letter) => `\\u{${letter.codePointAt(0).toString(16)}}`);

/** An element; an attribute that is null or false is left out, one that begins with "on" is a listener. */
export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null));
  return made;
}

export const byId = (id) => document.getElementById(id);

const SIGNS = { good: "✓", caution: "!", bad: "✕", plain: "·", live: "▸" };

/** A word in a tone, with the tone's shape. */
export const badge = (text, tone) =>
  element("span", { class: `badge ${tone}` }, element("span", { class: "sign", "aria-hidden": "true" }, SIGNS[tone]), text);

/** A refusal in words: what was found, what was expected, what to do. */
export function problem({ found, expected, do: todo }, role = null) {
  const told = [element("strong", {}, visible(found)), expected ? `; expected ${visible(expected)}` : null, "."];
  return element("div", { class: "problem", role }, element("p", {}, ...told), element("p", {}, visible(todo)));
}

/** Show a refusal in a place, or nothing there; read out once, also when the same one comes again. */
export function show(place, refusal) {
  const said = refusal === null ? "" : JSON.stringify([refusal.found, refusal.expected, refusal.do, refusal.asked]);
  if (place.dataset.said === said) return;
  place.dataset.said = said;
  place.replaceChildren(...(refusal === null ? [] : [problem(refusal, "alert")]));
}

/** Say something to those who do not see the page change. */
export const announce = (text) => {
  byId("news").textContent = visible(text);
};
