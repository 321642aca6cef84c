/* The report of a folder of results, and two runs side by side. */

import { get, look, problemOf } from "./api.js";
import { by, count, el, problemBox, say } from "./dom.js";

const REPORT = "/api/study/report";

const choice = (id, label, runs, place) =>
  el(
    "p",
    { class: "field" },
    el("label", { for: id }, label),
    el(
      "select",
      { id },
      runs.map(({ name, about }, at) =>
        el("option", { value: name, selected: at === place }, about ? `${name}: ${about}` : name),
      ),
    ),
  );

const show = async () => {
  const place = by("study");
  place.replaceChildren(el("p", { class: "soft" }, "Reading the results …"));
  let study;
  try {
    study = await get("/api/study");
  } catch (error) {
    place.replaceChildren(problemBox(problemOf(error)));
    return;
  }
  const trouble = el("div", {});
  const alone = el("a", { target: "_blank", rel: "noopener" }, "Open by itself");
  const frame = el("iframe", { sandbox: "allow-same-origin", class: "report", title: "Report" });
  const load = async (address, title) => {
    let problem = null;
    trouble.replaceChildren(
      el("p", { class: "soft" }, "Drawing the page: this may take some seconds …"),
    );
    try {
      await look(address); // A refusal in a frame would be shown as it came, or not at all.
      frame.title = title;
      frame.src = alone.href = address;
      say(`Shown: ${title}`);
    } catch (error) {
      problem = problemBox(problemOf(error));
    }
    frame.hidden = alone.hidden = problem !== null;
    trouble.replaceChildren(...(problem ? [problem] : []));
  };
  const whole = () => load(REPORT, `Report of ${study.folder}`);
  const compare = el(
    "form",
    {
      class: "compare",
      "aria-label": "Compare two runs",
      submit: (event) => {
        event.preventDefault();
        const [a, b] = [by("study-a").value, by("study-b").value];
        const query = new URLSearchParams({ a, b });
        load(`/api/study/compare?${query}`, `${a} compared with ${b}`);
      },
    },
    choice("study-a", "Compare the run", study.runs, 0),
    choice("study-b", "with the run", study.runs, 1),
    el("button", { type: "submit" }, "Compare"),
    el("button", { type: "button", click: whole }, "Whole report"),
  );
  place.replaceChildren(
    el(
      "p",
      { class: "soft" },
      `Results in “${study.folder}”: ${count(study.rows, "row")}, ${count(study.runs.length, "run")}.`,
    ),
    ...(study.problem ? [problemBox(study.problem)] : []),
    ...(study.runs.length > 1 ? [compare] : []),
    el("p", {}, alone),
    trouble,
    frame,
  );
  if (study.rows) whole();
  else frame.hidden = alone.hidden = true;
};

/** Ask for the report when its tab is opened for the first time. */
export const setUpStudy = () => {
  const first = (event) => {
    if (event.detail !== "study") return;
    document.removeEventListener("part", first);
    show();
  };
  document.addEventListener("part", first);
};
