/* What the model is: learned from what, judged how, not for what. Always in sight. */

import { badge, by, el, syntheticNote } from "./dom.js";

const IN_SIGHT = ["learned", "from", "validated", "not for"];

const MEANINGS = {
  learned:
    "which answers the network tells apart: people watched a clip and rated how they had felt, 1 to 9; ge5 means that 5 or more counts as high, gt5 that only more does",
  from: "the recordings that it learned from",
  validated:
    "what was kept apart when it was judged: “by subject” means on people whom it had not learned from; “leaky” means that learning and test shared something, so its figures are no result",
  calibration: "whether 0.8 comes true in 8 of 10 cases, for people like those",
};

const isMarked = (name, value) => name === "not for" || /\bleaky\b/.test(value);

/** One fact of all networks: said once where they agree. */
const fact = (name, models) => {
  const told = models.flatMap((model) => {
    const found = model.facts.find(([each]) => each === name);
    return found ? [[model.name, found[1]]] : [];
  });
  const same = told.length === models.length && new Set(told.map(([, value]) => value)).size === 1;
  return el(
    "div",
    {},
    el("dt", {}, name),
    (same ? [[null, told[0][1]]] : told).map(([who, value]) =>
      el(
        "dd",
        {},
        who && !value.startsWith(who) ? el("span", { class: "soft" }, `${who}: `) : null,
        el("span", { class: isMarked(name, value) ? "marked" : null }, value),
      ),
    ),
  );
};

const card = (models) => {
  const synthetic = models.filter((model) => model.synthetic);
  const names = [...new Set(models.flatMap((model) => model.facts.map(([name]) => name)))];
  return el(
    "div",
    { class: "card" },
    el(
      "h2",
      {},
      models.length > 1 ? "Networks: " : "Network: ",
      models.map((model, place) =>
        [
          place ? ", " : "",
          model.name,
          model.synthetic && synthetic.length < models.length ? [" ", badge()] : [],
        ].flat(),
      ),
    ),
    synthetic.length ? syntheticNote() : null,
    el(
      "dl",
      { class: "facts" },
      IN_SIGHT.filter((name) => names.includes(name)).map((name) => fact(name, models)),
    ),
    el(
      "details",
      {},
      el("summary", {}, "More, and what these words mean"),
      el(
        "dl",
        { class: "facts more" },
        names.filter((name) => !IN_SIGHT.includes(name)).map((name) => fact(name, models)),
      ),
      el(
        "ul",
        { class: "soft small" },
        Object.entries(MEANINGS).map(([name, text]) =>
          el("li", {}, el("strong", {}, name), ": ", text, "."),
        ),
      ),
    ),
  );
};

/** Fill the head of the page. */
export const showFacts = (about) => {
  by("version").textContent = about.pulsefer;
  by("facts").replaceChildren(
    el("p", { class: "banner" }, about.not_for),
    about.models.length
      ? card(about.models)
      : el("div", { class: "card" }, el("h2", {}, "No network"), el("p", {}, about.without_model)),
  );
};
