/* Elements, words and what is read aloud. Foreign text only ever becomes text. */

/** The element of that id. */
export const by = (id) => document.getElementById(id);

const fill = (node, given, children) => {
  for (const [name, value] of Object.entries(given)) {
    if (typeof value === "function") node.addEventListener(name, value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, value);
  }
  node.append(...children.flat(3).filter((child) => child !== null && child !== undefined));
  return node;
};

/** An HTML element; a function among `given` listens to the event of its name. */
export const el = (tag, given = {}, ...children) =>
  fill(document.createElement(tag), given, children);

/** An SVG element. */
export const svg = (tag, given = {}, ...children) =>
  fill(document.createElementNS("http://www.w3.org/2000/svg", tag), given, children);

/** Text in which `words like these` are code. */
export const withCode = (text) =>
  text.split("`").map((part, place) => (place % 2 ? el("code", {}, part) : part));

/** "synthetic", to stand beside every figure of such a network. */
export const badge = () => el("span", { class: "badge" }, "synthetic");

/** The badge and what it means. */
export const syntheticNote = () =>
  el(
    "p",
    { class: "synthetic" },
    badge(),
    el("span", { class: "heard-only" }, ":"),
    " this network learned from made-up faces; its figures say nothing of real people.",
  );

/** "1 minute", "2 minutes". */
export const count = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/** "hold still" -> "Hold still". */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);

/** What was expected, what was found, what to do: a box that is read aloud at once. */
export const problemBox = (problem) =>
  el(
    "div",
    { class: "problem", role: "alert" },
    el("p", {}, el("strong", {}, problem.title ?? "That did not work.")),
    el(
      "dl",
      {},
      [
        ["about", "where"],
        ["expected", "expected"],
        ["found", "found"],
        ["what to do", "remedy"],
      ]
        .filter(([, key]) => problem[key])
        .map(([name, key]) => [el("dt", {}, name), el("dd", {}, problem[key])]),
    ),
    problem.expected || problem.found ? null : el("p", {}, problem.text ?? ""),
  );

let lastSaid = "";
let lastSaid_ms = -Infinity;

/** Read aloud, once per text; `every_s` is the least pause, for what changes all the time. */
export const say = (text, every_s = 0) => {
  const now_ms = performance.now();
  if (!text || text === lastSaid || now_ms - lastSaid_ms < 1000 * every_s) return;
  lastSaid = text;
  lastSaid_ms = now_ms;
  by("heard").textContent = text;
};

/** Let the same text be read aloud again. */
export const hush = () => {
  lastSaid = "";
  by("heard").textContent = "";
};
