/* What the model is: learned from what, judged how, not for what. Always in sight. */

import { badge, by, el, syntheticNote } from "./dom.js";

const IN_SIGHT = ["learned", "from", "validated", "not for"];

const MEANINGS = {
  learned: "which answers the network tells apart: people watched a clip and rated how they had felt, 1 to 9",
  from: "the recordings that it learned from",
  validated:
    "what was kept apart when it was judged: “by subject” means on people whom it had not learned from; “leaky” means that this was not so, and the figures are no result",
  calibration: "whether 0.8 comes true in 8 of 10 cases, for people like those",
};

const list = (facts) =>
  el(
    "dl",
    { class: "facts" },
    facts.map(([name, value]) =>
      el(
        "div",
        {},
        el("dt", {}, name),
        el("dd", { class: name === "not for" || /\bleaky\b/.test(value) ? "marked" : null }, value),
      ),
    ),
  );

const card = (model) => {
  const first = IN_SIGHT.map((name) => model.facts.find(([fact]) => fact === name));
  const rest = model.facts.filter(([name]) => !IN_SIGHT.includes(name));
  return el(
    "article",
    { class: "card" },
    el("h2", {}, `Network: ${model.name}`, model.synthetic ? [" ", badge()] : []),
    list(first.filter(Boolean)),
    el(
      "details",
      {},
      el("summary", {}, "More of it, and what these words mean"),
      list(rest),
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
    ...(about.synthetic ? [syntheticNote()] : []),
    el(
      "div",
      { class: "cards" },
      about.models.map(card),
      about.without_model
        ? el("article", { class: "card" }, el("h2", {}, "No network"), el("p", {}, about.without_model))
        : null,
    ),
  );
};
