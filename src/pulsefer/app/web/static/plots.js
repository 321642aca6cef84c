/* Plots of a table as SVG: heart rate, affect over time, the circumplex, the last minute.

   A series is one face at every step: {time_s: [..], step_s, there: [..], hr_bpm: [..], ...}; null is
   missing. A drawing is {node, cursor(t_s)}. Colours and letters are in page.css. */

import { svg } from "./dom.js";

const LETTER_PX = 6.3;
const QUADRANTS = [
  [0.98, 0.98, "excited, happy"],
  [0.02, 0.98, "tense, angry"],
  [0.02, 0.02, "sad, tired"],
  [0.98, 0.02, "calm, content"],
];

export const isNumber = (value) => typeof value === "number" && Number.isFinite(value);

const clip = (value, low, high) => Math.min(high, Math.max(low, value));

/** Numbers of the faces of a table, in order. */
export const facesOf = (table) =>
  [...new Set(table.rows.face_id)].filter((face) => face !== null).sort((a, b) => a - b);

/** One face at every step of the table; where it is away, the reason is "no_face". */
export const seriesOf = (table, face) => {
  const { rows, columns, step_s } = table;
  const time_s = [...new Set(rows.time_s)].sort((a, b) => a - b);
  const place = new Map(time_s.map((t, at) => [t, at]));
  const series = { step_s, there: time_s.map(() => false) };
  for (const name of columns) series[name] = time_s.map(() => null);
  series.hr_reason = time_s.map(() => "no_face");
  rows.time_s.forEach((t, row) => {
    if (rows.face_id[row] !== face || face === null) return;
    const at = place.get(t);
    series.there[at] = true;
    for (const name of columns) series[name][at] = rows[name][row];
  });
  return { ...series, time_s };
};

/** The step in which a time lies; the first or the last where it lies outside. */
export const stepAt = (series, t_s) =>
  Math.max(
    0,
    series.time_s.findLastIndex((start_s) => start_s <= t_s + 1e-6),
  );

/** [first, past the last] of every stretch of true. */
export const stretches = (flags) => {
  const found = [];
  flags.forEach((flag, at) => {
    if (flag && !flags[at - 1]) found.push([at, at + 1]);
    else if (flag) found.at(-1)[1] = at + 1;
  });
  return found;
};

/** Some four round numbers between two. */
export const ticks = (low, high, about = 4) => {
  const rough = (high - low) / about;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((n) => n * ten).find((size) => size >= rough);
  const found = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + 1e-9; n += 1) {
    found.push(Number((n * step).toPrecision(12)));
  }
  return found;
};

/** "12 s", or "3:05" in a film of more than two minutes. */
export const clock = (t_s, end_s) => {
  if (end_s <= 120) return `${Number(t_s.toFixed(1))} s`;
  const whole = Math.round(t_s);
  return `${Math.floor(whole / 60)}:${`${whole % 60}`.padStart(2, "0")}`;
};

const timeTicks = (start_s, end_s, width) => {
  if (end_s <= 120) return ticks(start_s, end_s, clip(width / 90, 2, 8));
  const step =
    [30, 60, 120, 300, 600, 1800].find((s) => ((end_s - start_s) / s) * 64 < width) ?? 3600;
  return ticks(start_s / step, end_s / step, (end_s - start_s) / step).map((n) => n * step);
};

const median = (sorted) =>
  (sorted[Math.floor((sorted.length - 1) / 2)] + sorted[Math.ceil((sorted.length - 1) / 2)]) / 2;

/** "heart rate 68 to 75 bpm, median 72, in 25 of 30 rows". */
export const inNumbers = (what, values, unit = "", digits = 0) => {
  const known = values.filter(isNumber).sort((a, b) => a - b);
  if (!known.length) return `${what}: none in ${values.length} rows`;
  const [low, mid, high] = [known[0], median(known), known.at(-1)].map((n) => n.toFixed(digits));
  return `${what} ${low} to ${high}${unit && ` ${unit}`}, median ${mid}, in ${known.length} of ${values.length} rows`;
};

/** Text in lines of so many letters at most; null where a word is longer. */
const wrap = (text, letters) => {
  const lines = [""];
  for (const word of text.split(" ")) {
    if (word.length > letters) return null;
    const longer = `${lines.at(-1)} ${word}`.trim();
    if (longer.length <= letters) lines[lines.length - 1] = longer;
    else lines.push(word);
  }
  return lines;
};

/** A path with gaps; a value alone between two gaps becomes a dot. */
const trace = (xs, ys, look) => {
  const group = svg("g", { class: look });
  for (const [first, past] of stretches(ys.map((y) => y !== null))) {
    if (past - first === 1) group.append(svg("circle", { cx: xs[first], cy: ys[first], r: 2.5 }));
    const points = xs
      .slice(first, past)
      .map((x, at) => `${x.toFixed(1)},${ys[first + at].toFixed(1)}`);
    group.append(svg("path", { d: `M${points.join("L")}` }));
  }
  return group;
};

const word = (x, y, text, anchor = "middle", look = null) =>
  svg("text", { x, y, "text-anchor": anchor, class: look }, text);

const line = (x1, y1, x2, y2, look) => svg("line", { x1, y1, x2, y2, class: look });

const paper = (width, height, label) =>
  svg("svg", {
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: "img",
    "aria-label": label,
  });

/** Keep a drawing as wide as its place: `draw(width)` is called again when that changes. */
export const mount = (host, draw) => {
  let drawn = null;
  let width = 0;
  let at_s = null;
  const redraw = () => {
    width = host.clientWidth;
    if (!width) return;
    drawn = draw(width);
    host.replaceChildren(drawn.node);
    if (at_s !== null) drawn.cursor?.(at_s);
  };
  const watch = new ResizeObserver(() => host.clientWidth !== width && redraw());
  watch.observe(host);
  redraw();
  const cursor = (t_s) => {
    at_s = t_s;
    drawn?.cursor?.(t_s);
  };
  return { cursor, redraw, end: () => watch.disconnect() };
};

/** Pressing and dragging give the place in the drawing, px. */
const dragged = (node, onPlace) => {
  const tell = (event) => {
    const box = node.getBoundingClientRect();
    onPlace(event.clientX - box.left, event.clientY - box.top);
  };
  node.addEventListener("pointerdown", (event) => {
    if (event.button) return;
    node.setPointerCapture(event.pointerId);
    tell(event);
  });
  node.addEventListener("pointermove", (event) => {
    if (node.hasPointerCapture(event.pointerId)) tell(event);
  });
};

/** What the plots over time share: axes, the cursor, seeking. */
const overTime = (series, width, { height, below = 0, low, high, marks, label, onSeek }) => {
  const [left, right, top] = [52, 14, 10];
  const bottom = height - 24 - below;
  const start_s = series.time_s[0] ?? 0;
  const end_s = (series.time_s.at(-1) ?? 0) + series.step_s;
  const x = (t_s) => left + ((t_s - start_s) / (end_s - start_s)) * (width - left - right);
  const y = (value) => bottom - ((value - low) / (high - low)) * (bottom - top);
  const node = paper(width, height, label);
  node.classList.add("seek");
  for (const value of marks) {
    node.append(
      line(left, y(value), width - right, y(value), "rule"),
      word(left - 8, y(value) + 4, `${value}`, "end"),
    );
  }
  for (const t_s of timeTicks(start_s, end_s, width - left - right)) {
    node.append(word(x(t_s), height - 7, clock(t_s, end_s)));
  }
  const hand = line(left, top, left, bottom + below, "hand");
  dragged(node, (px) => {
    onSeek(
      clip(start_s + ((px - left) / (width - left - right)) * (end_s - start_s), start_s, end_s),
    );
  });
  /** The hand and its dots come last, above everything. */
  const cursorOf = (dots) => {
    node.append(hand, ...dots.map(([, dot]) => dot));
    return (t_s) => {
      const px = x(clip(t_s, start_s, end_s));
      hand.setAttribute("x1", px);
      hand.setAttribute("x2", px);
      const at = stepAt(series, t_s);
      for (const [values, dot] of dots) {
        dot.setAttribute("visibility", isNumber(values[at]) ? "visible" : "hidden");
        if (!isNumber(values[at])) continue;
        dot.setAttribute("cx", x(series.time_s[at] + series.step_s / 2));
        dot.setAttribute("cy", y(values[at]));
      }
    };
  };
  const middles = series.time_s.map((t_s) => x(t_s + series.step_s / 2));
  const heights = (values) => values.map((value) => (isNumber(value) ? y(value) : null));
  return { node, x, left, right, top, bottom, start_s, end_s, middles, heights, cursorOf };
};

const dotOf = (look) => svg("circle", { r: 4.5, class: `dot ${look}`, visibility: "hidden" });

/** Stretches without a rate, by reason: [{word, number, seconds, spans: [[first, past], ..]}]. */
export const withheld = (series) => {
  const found = new Map();
  const none = series.hr_bpm.map((value) => !isNumber(value));
  for (const reason of new Set(series.hr_reason.filter((_, at) => none[at]))) {
    const spans = stretches(none.map((missing, at) => missing && series.hr_reason[at] === reason));
    const steps = spans.reduce((sum, [first, past]) => sum + past - first, 0);
    found.set(reason, {
      word: reason,
      number: found.size + 1,
      seconds: steps * series.step_s,
      spans,
    });
  }
  return [...found.values()];
};

/** Heart rate, why there is none, and its quality as a strip below. */
export const heartRate = (series, width, { reasons, onSeek }) => {
  const known = series.hr_bpm.filter(isNumber);
  const [least, most] = known.length ? [Math.min(...known), Math.max(...known)] : [50, 100];
  const middle = (least + most) / 2;
  const [low, high] = [Math.min(least - 3, middle - 15), Math.max(most + 3, middle + 15)];
  const strip = 20;
  const label = `${inNumbers("Heart rate", series.hr_bpm, "bpm")}; ${inNumbers("quality", series.hr_quality, "", 2)}.`;
  const frame = overTime(series, width, {
    height: 236,
    below: strip + 14,
    low,
    high,
    marks: ticks(low, high),
    label,
    onSeek,
  });
  const { node, x, left, right, top, bottom } = frame;
  const edge = (at) => x(series.time_s[at] ?? frame.end_s);
  for (const reason of withheld(series)) {
    const words = reasons[reason.word] ?? reason.word.replaceAll("_", " ");
    for (const [first, past] of reason.spans) {
      const room = edge(past) - edge(first);
      const [mid, high_px] = [edge(first) + room / 2, (top + bottom) / 2 + 4];
      node.append(
        svg("rect", {
          x: edge(first),
          y: top,
          width: room,
          height: bottom - top,
          class: "withheld",
        }),
      );
      const lines = wrap(words, Math.floor((room - 8) / LETTER_PX));
      if (lines && lines.length <= 7) {
        lines.forEach((text, at) =>
          node.append(word(mid, high_px + 16 * (at - (lines.length - 1) / 2), text)),
        );
      } else if (room > 9) node.append(word(mid, high_px, `${reason.number}`));
    }
  }
  const floor = bottom + 10 + strip;
  node.append(
    svg("rect", {
      x: left,
      y: floor - strip,
      width: width - left - right,
      height: strip,
      class: "trough",
    }),
    word(left - 8, floor - 6, "quality", "end", "tiny"),
  );
  series.hr_quality.forEach((quality, at) => {
    if (!isNumber(quality)) return;
    const tall = strip * clip(quality, 0, 1);
    node.append(
      svg("rect", {
        x: edge(at),
        y: floor - tall,
        width: edge(at + 1) - edge(at) + 0.3,
        height: tall,
        class: "quality",
      }),
    );
  });
  node.append(trace(frame.middles, frame.heights(series.hr_bpm), "line rate"));
  return { node, cursor: frame.cursorOf([[series.hr_bpm, dotOf("rate")]]) };
};

/** The probabilities that are there, over time; `shown` as [["valence_prob", "valence"], ..]. */
export const affect = (series, width, { shown, onSeek }) => {
  const label = `${shown.map(([column, name]) => inNumbers(`Probability of high ${name}`, series[column], "", 2)).join("; ")}.`;
  const frame = overTime(series, width, {
    height: 190,
    low: 0,
    high: 1,
    marks: [0, 0.5, 1],
    label,
    onSeek,
  });
  const half = (frame.top + frame.bottom) / 2;
  frame.node.append(line(frame.left, half, width - frame.right, half, "half"));
  for (const [column, name] of shown) {
    frame.node.append(trace(frame.middles, frame.heights(series[column]), `line ${name}`));
  }
  return {
    node: frame.node,
    cursor: frame.cursorOf(shown.map(([column, name]) => [series[column], dotOf(name)])),
  };
};

/** The path of both probabilities: pale at the beginning, deep at the end; ring first, dot last. */
export const circumplex = (series, width, { onSeek }) => {
  const size = Math.min(width, 400);
  const [left, bottom] = [52, size - 38];
  const side = Math.min(size - left - 14, bottom - 10);
  const x = (value) => left + value * side;
  const y = (value) => bottom - value * side;
  const [valence, arousal] = [series.valence_prob, series.arousal_prob];
  const known = valence.flatMap((value, at) =>
    isNumber(value) && isNumber(arousal[at]) ? [at] : [],
  );
  const label = `Path through valence and arousal. ${inNumbers("Valence", valence, "", 2)}; ${inNumbers("arousal", arousal, "", 2)}.`;
  const node = paper(width, size, label);
  node.classList.add("seek");
  node.append(
    svg("rect", { x: left, y: bottom - side, width: side, height: side, class: "frame" }),
    line(x(0.5), y(0), x(0.5), y(1), "half"),
    line(x(0), y(0.5), x(1), y(0.5), "half"),
    word(x(0.5), bottom + 34, "high valence →"),
    svg(
      "text",
      { "text-anchor": "middle", transform: `translate(${left - 32} ${y(0.5)}) rotate(-90)` },
      "high arousal →",
    ),
  );
  for (const value of [0, 0.5, 1]) {
    node.append(
      word(x(value), bottom + 17, `${value}`),
      word(left - 8, y(value) + 4, `${value}`, "end"),
    );
  }
  for (const [across, up, text] of QUADRANTS) {
    node.append(
      word(x(across), y(up) + (up > 0.5 ? 10 : -4), text, across > 0.5 ? "end" : "start", "corner"),
    );
  }
  known.forEach((at, n) => {
    const depth = 0.25 + (0.75 * (n + 1)) / known.length;
    const [px, py] = [x(valence[at]), y(arousal[at])];
    if (n && known[n - 1] === at - 1) {
      const bit = line(x(valence[at - 1]), y(arousal[at - 1]), px, py, "path");
      bit.setAttribute("opacity", depth);
      node.append(bit);
    }
    node.append(svg("circle", { cx: px, cy: py, r: 2, class: "step", opacity: depth }));
  });
  const end = (at, look) =>
    svg("circle", { cx: x(valence[at]), cy: y(arousal[at]), r: 4.5, class: look });
  if (known.length) node.append(end(known[0], "ring"), end(known.at(-1), "last"));
  const here = svg("circle", { r: 7, class: "here", visibility: "hidden" });
  node.append(here);
  dragged(node, (px, py) => {
    const far = (at) => (x(valence[at]) - px) ** 2 + (y(arousal[at]) - py) ** 2;
    const nearest = known.reduce(
      (best, at) => (best === null || far(at) < far(best) ? at : best),
      null,
    );
    if (nearest !== null) onSeek(series.time_s[nearest] + series.step_s / 2);
  });
  const cursor = (t_s) => {
    const at = stepAt(series, t_s);
    const seen = known.includes(at);
    here.setAttribute("visibility", seen ? "visible" : "hidden");
    if (!seen) return;
    here.setAttribute("cx", x(valence[at]));
    here.setAttribute("cy", y(arousal[at]));
  };
  return { node, cursor };
};

/** The heart rate of the last minute: no axes, the least and the most beside it. */
export const lastMinute = (points, width) => {
  const [height, right] = [72, 40];
  const node = paper(
    width,
    height,
    `The last minute: ${inNumbers(
      "heart rate",
      points.map(([, bpm]) => bpm),
      "bpm",
    )}.`,
  );
  const known = points.map(([, bpm]) => bpm).filter(isNumber);
  node.append(line(0, height - 8, width - right, height - 8, "rule"));
  if (!known.length) return { node };
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const spread = Math.max(10, most - least);
  const end_s = points.at(-1)[0];
  const x = (t_s) => (width - right) * (1 - (end_s - t_s) / 60);
  const y = (bpm) => height - 16 - ((bpm - (least + most - spread) / 2) / spread) * (height - 28);
  const xs = points.map(([t_s]) => x(t_s));
  node.append(
    trace(
      xs,
      points.map(([, bpm]) => (isNumber(bpm) ? y(bpm) : null)),
      "line rate",
    ),
  );
  if (most - least >= 4)
    node.append(word(width - right + 8, y(most) + 4, most.toFixed(0), "start"));
  node.append(word(width - right + 8, y(least) + 4, least.toFixed(0), "start"));
  return { node };
};
