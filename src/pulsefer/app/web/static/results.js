/* What came of a film: one shared time in film, plots, table and slider. */

import { problemOf } from "./api.js";
import { badge, capital, count, el, problemBox, syntheticNote, withCode } from "./dom.js";
import {
  affect,
  circumplex,
  clock,
  facesOf,
  heartRate,
  isNumber,
  mount,
  seriesOf,
  stepAt,
  withheld,
} from "./plots.js";

const LABELS = {
  time_s: "time, s",
  face_id: "face",
  hr_bpm: "heart rate, bpm",
  hr_quality: "quality",
  hr_reason: "why not",
  valence_prob: "high valence (0–1)",
  arousal_prob: "high arousal (0–1)",
};
const AFFECT = [
  ["valence_prob", "valence"],
  ["arousal_prob", "arousal"],
];
const DIGITS = {
  time_s: 1,
  face_id: 0,
  hr_bpm: 1,
  box_x_px: 0,
  box_y_px: 0,
  box_w_px: 0,
  box_h_px: 0,
};
const FILES = {
  "table.csv": "Table (CSV)",
  "table.parquet": "Table (Parquet)",
  "about.json": "How it was made",
  "overlay.mp4": "Film with boxes",
};

const wordOf = (reasons, reason) =>
  reason ? (reasons[reason] ?? reason.replaceAll("_", " ")) : "";

const cell = (name, value, reasons) => {
  if (name === "hr_reason") return wordOf(reasons, value);
  if (isNumber(value)) return value.toFixed(DIGITS[name] ?? (name.endsWith("_bpm") ? 1 : 2));
  return value === null || value === undefined ? "" : `${value}`;
};

/** The rows as a table; `onRow(row)` when one is pressed. Returns {node, mark(row)}. */
const tableOf = (table, names, about, synthetic, onRow) => {
  const { rows } = table;
  const body = el("tbody", {});
  const lines = rows.time_s.map((_, row) =>
    el(
      "tr",
      { click: () => onRow(row) },
      names.map((name) =>
        el(
          "td",
          { class: name === "hr_reason" ? null : "number" },
          cell(name, rows[name][row], about.reasons),
        ),
      ),
    ),
  );
  body.append(...lines);
  const head = names.map((name) =>
    el(
      "th",
      { scope: "col", class: name === "hr_reason" ? null : "number" },
      LABELS[name] ?? name,
      synthetic && AFFECT.some(([column]) => column === name) ? [" ", badge()] : [],
    ),
  );
  const node = el(
    "div",
    { class: "wide rows", tabindex: 0, role: "region", "aria-label": "Table of values" },
    el("table", {}, el("thead", {}, el("tr", {}, head)), body),
  );
  let now = null;
  const mark = (row) => {
    if (now === row) return;
    lines[now]?.removeAttribute("aria-current");
    now = row;
    const tr = lines[row];
    if (!tr) return;
    tr.setAttribute("aria-current", "true");
    const head_px = node.querySelector("thead").offsetHeight;
    const past = tr.offsetTop + tr.offsetHeight > node.scrollTop + node.clientHeight;
    if (past || tr.offsetTop - head_px < node.scrollTop)
      node.scrollTop = tr.offsetTop - node.clientHeight / 2;
  };
  return { node, mark };
};

const figure = (title, note, legend, extra = null) => {
  const host = el("div", { class: "drawing" });
  const node = el(
    "figure",
    { class: "plot" },
    el(
      "figcaption",
      {},
      el("h4", {}, title),
      note ? el("p", { class: "soft small" }, note) : null,
      extra,
    ),
    host,
    legend,
  );
  return { node, host };
};

const missing = (title, why) =>
  el(
    "figure",
    { class: "plot" },
    el("figcaption", {}, el("h4", {}, title)),
    el("p", { class: "soft none" }, why),
  );

const key = (look, text) =>
  el("li", {}, el("span", { class: `key ${look}`, "aria-hidden": "true" }), text);

const rateLegend = (series, reasons) =>
  el(
    "ul",
    { class: "legend" },
    key("rate", "heart rate"),
    key("quality", "quality, 0 to 1: how sure that this is no noise"),
    withheld(series).map(({ word, number, seconds }) =>
      key(
        "withheld",
        `no rate (${number}): ${wordOf(reasons, word)}, ${Number(seconds.toFixed(1))} s`,
      ),
    ),
  );

const plotsOf = (series, about, synthetic, onSeek) => {
  const { reasons } = about;
  const shown = AFFECT.filter(([column]) => series[column]);
  const why = about.models.length
    ? "No network that gives it is loaded."
    : "No network is loaded: heart rate alone. See the head of this page.";
  const rate = figure(
    "Heart rate",
    "Beats a minute. Press or drag to go to a moment.",
    rateLegend(series, reasons),
  );
  const drawn = [[rate, (width) => heartRate(series, width, { reasons, onSeek })]];
  const nodes = [rate.node];
  const title = "Valence and arousal";
  if (shown.length) {
    const over = figure(
      title,
      "How sure the network is of the high class; below 0.5 it leans to the low one. Not how strong a feeling is.",
      el(
        "ul",
        { class: "legend" },
        shown.map(([, name]) => key(name, `${name} high`)),
      ),
      synthetic ? syntheticNote() : null,
    );
    drawn.push([over, (width) => affect(series, width, { shown, onSeek })]);
    nodes.push(over.node);
  } else nodes.push(missing(title, why));
  const path = "Both together";
  if (shown.length === 2) {
    const both = figure(
      path,
      "The path through the plane of both; the words are those of Russell’s circle (1980).",
      el(
        "ul",
        { class: "legend" },
        key("ring", "first"),
        key("last", "last"),
        key("here", "this moment"),
      ),
      synthetic ? syntheticNote() : null,
    );
    drawn.push([both, (width) => circumplex(series, width, { onSeek })]);
    nodes.push(both.node);
  } else if (shown.length)
    nodes.push(missing(path, `Needs a network for each; here is only ${shown[0][1]}.`));
  else nodes.push(missing(path, "Needs a network for valence and one for arousal."));
  return { nodes, drawn };
};

const meanings = (table, about) =>
  el(
    "details",
    {},
    el("summary", {}, "What the columns mean"),
    el(
      "dl",
      { class: "meanings" },
      table.columns
        .filter((name) => about.columns[name])
        .map((name) => {
          const { unit, range, meaning } = about.columns[name];
          return [
            el("dt", {}, el("code", {}, name), LABELS[name] ? ` (${LABELS[name]})` : ""),
            el(
              "dd",
              {},
              withCode(meaning),
              " ",
              el(
                "span",
                { class: "soft" },
                withCode(
                  [unit && unit !== "1" ? `Unit: ${unit}.` : "", range ? `Range: ${range}.` : ""]
                    .filter(Boolean)
                    .join(" "),
                ),
              ),
            ),
          ];
        }),
    ),
  );

/** Fill a place with all of a result. */
export const showResult = (place, { job, table, about, path, onAgain, onDelete }) => {
  const synthetic = job.synthetic || about.synthetic;
  const faces = facesOf(table);
  const { rows, step_s } = table;
  const start_s = rows.time_s[0] ?? 0;
  const last_s = rows.time_s.at(-1) ?? 0;
  const film = job.files.includes("overlay.mp4")
    ? el("video", {
        controls: true,
        preload: "auto",
        playsinline: true,
        src: `${path}/overlay.mp4`,
        "aria-label": "The film with boxes and values",
      })
    : null;
  let face = faces[0] ?? null;
  let series = seriesOf(table, face);
  let plots = [];
  let grid = null;
  let now_s = start_s;

  // One clock: every part calls `move`, and `move` tells every part.
  const slider = el("input", {
    type: "range",
    id: "film-time",
    min: start_s,
    max: last_s,
    step: step_s,
    value: start_s,
  });
  const said = el("output", { for: "film-time", class: "said" });
  const inWords = () => {
    const at = stepAt(series, now_s);
    const time = clock(series.time_s[at] ?? 0, last_s + step_s);
    const bpm = series.hr_bpm[at];
    const rate = isNumber(bpm)
      ? `${bpm.toFixed(0)} bpm, quality ${series.hr_quality[at]?.toFixed(2) ?? "unknown"}`
      : wordOf(about.reasons, series.hr_reason[at]) || "no heart rate";
    const both = AFFECT.filter(([name]) => isNumber(series[name]?.[at])).map(
      ([name, what]) => `, ${what} ${series[name][at].toFixed(2)}`,
    );
    return `${time}: ${rate}${both.join("")}`;
  };
  const rowAt = () => {
    const t_s = series.time_s[stepAt(series, now_s)];
    const here = rows.time_s.findIndex((time, row) => time === t_s && rows.face_id[row] === face);
    return here >= 0 ? here : rows.time_s.indexOf(t_s);
  };
  const move = (t_s, { fromFilm = false, fromSlider = false } = {}) => {
    now_s = t_s;
    for (const plot of plots) plot.cursor(t_s);
    const words = inWords();
    said.textContent = words;
    slider.setAttribute("aria-valuetext", words);
    if (!fromSlider) slider.value = series.time_s[stepAt(series, t_s)] ?? start_s;
    grid.mark(rowAt());
    if (film && !fromFilm) film.currentTime = Math.max(0, t_s);
  };
  slider.addEventListener("input", () =>
    move(Number(slider.value) + step_s / 2, { fromSlider: true }),
  );
  film?.addEventListener("timeupdate", () => move(film.currentTime, { fromFilm: true }));

  const plotPlace = el("div", { class: "plots" });
  const drawPlots = () => {
    for (const plot of plots) plot.end();
    const { nodes, drawn } = plotsOf(series, about, synthetic, (t_s) => move(t_s));
    plotPlace.replaceChildren(...nodes);
    plots = drawn.map(([{ host }, draw]) => mount(host, draw));
  };

  const few = Object.keys(LABELS).filter((name) => table.columns.includes(name));
  const tablePlace = el("div", {});
  const drawTable = (names) => {
    grid = tableOf(table, names, about, synthetic, (row) => {
      if (rows.face_id[row] !== null && rows.face_id[row] !== face) chooseFace(rows.face_id[row]);
      move(rows.time_s[row] + step_s / 2);
    });
    tablePlace.replaceChildren(grid.node);
  };

  const radios = faces.map((number) =>
    el(
      "label",
      { class: "check" },
      el("input", {
        type: "radio",
        name: "film-face",
        value: number,
        checked: number === face,
        change: () => chooseFace(number),
      }),
      ` face ${number}`,
    ),
  );
  const chooseFace = (number) => {
    face = number;
    series = seriesOf(table, face);
    for (const label of radios) label.firstChild.checked = Number(label.firstChild.value) === face;
    drawPlots();
    move(now_s);
  };

  const trouble = el("div", {});
  const gone = el("span", { class: "soft" });
  const until_ms = job.expires_s === null ? null : Date.now() + 1000 * job.expires_s;
  const countDown = () => {
    if (!place.contains(gone) || until_ms === null) return;
    const left = Math.ceil((until_ms - Date.now()) / 60_000);
    gone.textContent =
      left > 0
        ? `Deleted by itself in ${count(left, "minute")}.`
        : "It has been deleted by itself; what is on this page goes with it.";
    if (left > 0) setTimeout(countDown, 15_000);
  };
  const erase = async () => {
    try {
      film?.pause();
      await onDelete();
    } catch (error) {
      trouble.replaceChildren(problemBox(problemOf(error)));
    }
  };

  drawTable(few);
  place.replaceChildren(
    el("p", { class: "soft small name" }, job.name),
    el("h3", { class: "sentence", tabindex: -1 }, job.summary?.sentence ?? "Done."),
    ...(job.notes ?? []).map((note) => el("p", { class: "soft small" }, `${capital(note)}.`)),
    trouble,
    el(
      "div",
      { class: "row" },
      el("span", { class: "soft" }, "Save:"),
      job.files
        .filter((name) => FILES[name])
        .map((name) =>
          el(
            "a",
            {
              class: "button",
              href: `${path}/${name}`,
              download: `${job.name.replace(/\.\w+$/, "")}.${name}`,
            },
            FILES[name],
          ),
        ),
    ),
    el(
      "div",
      { class: "row" },
      el("button", { type: "button", click: onAgain }, "Another film"),
      el("button", { type: "button", class: "danger", click: erase }, "Delete now"),
      gone,
    ),
    ...(faces.length > 1
      ? [el("fieldset", { class: "faces" }, el("legend", {}, "Shown in the plots"), radios)]
      : []),
    el(
      "div",
      { class: "linked" },
      el(
        "div",
        { class: film ? "beside" : "" },
        film ? el("div", { class: "film" }, film) : null,
        plotPlace,
      ),
      el("div", { class: "time" }, el("label", { for: "film-time" }, "Time"), slider, said),
    ),
    el(
      "div",
      { class: "row apart" },
      el("h4", {}, "All values"),
      el(
        "label",
        { class: "check" },
        el("input", {
          type: "checkbox",
          change: ({ target }) => {
            drawTable(target.checked ? table.columns : few);
            grid.mark(rowAt());
          },
        }),
        " all columns",
      ),
    ),
    tablePlace,
    meanings(table, about),
  );
  drawPlots();
  move(start_s, { fromFilm: true });
  countDown();
};
