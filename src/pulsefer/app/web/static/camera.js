/* The camera: pictures to the server, values back. Nothing is kept but the table, here. */

import { badge, by, capital, count, el, problemBox, say, syntheticNote } from "./dom.js";
import { isNumber, lastMinute, mount } from "./plots.js";

const [WIDEST_PX, HIGHEST_PX] = [640, 720];
const QUALITY = 0.95;
const ENCODING_MOST = 2;
const UNSENT_MOST = 1_000_000;
/** A bit less than a thirtieth: a camera of 30 frames/s is not always on time. */
const LEAST_GAP_S = 0.026;
const END_MS = 5000;
const AFFECT = [
  ["valence_prob", "High valence"],
  ["arousal_prob", "High arousal"],
];

const WHY = [
  [/^(\d+) s to go$/, (words) => `${words}: your face has to be in sight for a while.`],
  [/^a moment$/, () => "A moment: the first value is on its way."],
  [/^not clear yet$/, () => "Not clear yet: keep still, it takes up to 12 s."],
  [/^hold still$/, () => "Hold still: the head moves too much."],
  [/^more light$/, () => "More light: the face is too dark."],
  [/^less light$/, () => "Less light: the face is overexposed."],
  [/^come closer$/, () => "Come closer: the face is too small."],
  [/^no face in sight$/, () => "No face in sight: look into the camera."],
];

/** The server's few words as a sentence for people. */
export const sentence = (words) => {
  const found = WHY.find(([known]) => known.test(words));
  return found ? found[1](words) : `${capital(words)}.`;
};

const refusals = {
  NotAllowedError: [
    "permission for the camera",
    "it was refused",
    "allow the camera for this page (beside the address), and start again",
  ],
  NotFoundError: [
    "a camera",
    "none",
    "plug one in, or use a device that has one; a film works, too",
  ],
  NotReadableError: [
    "a camera that is free",
    "one that another program uses",
    "close that program, and start again",
  ],
  OverconstrainedError: [
    "a camera of ordinary size",
    "one that cannot do that",
    "use another camera",
  ],
};

const refusal = (error) => {
  const [expected, found, remedy] = refusals[error.name] ?? [
    "a camera",
    `${error.message || error.name}`,
    "try another browser or camera",
  ];
  return { title: "The camera does not start.", expected, found, remedy };
};

const noCamera = {
  title: "The camera does not start.",
  expected: "a page that the browser trusts with a camera: https, or localhost",
  found: location.origin,
  remedy:
    "open the page on the computer that runs PulseFER, or have it served with https; a film works here, too",
};

/** Which clock grows from one frame to the next: the camera's, the film's, else the browser's; in seconds. */
export const chooseClock = (first, second) => {
  const clocks = [
    (meta) => meta.captureTime / 1000,
    (meta) => meta.mediaTime,
    (meta) => meta.now / 1000,
  ];
  return (
    clocks.find((clock) => Number.isFinite(clock(first)) && clock(second) > clock(first)) ??
    clocks[2]
  );
};

/** Calls back with every new frame's metadata, until stopped. */
const framesOf = (video, onFrame) => {
  let going = true;
  const stop = () => {
    going = false;
  };
  if (video.requestVideoFrameCallback) {
    const next = (now, meta) => {
      if (!going) return;
      onFrame({ captureTime: meta.captureTime, mediaTime: meta.mediaTime, now });
      video.requestVideoFrameCallback(next);
    };
    video.requestVideoFrameCallback(next);
    return stop;
  }
  const timer = setInterval(
    () => (going ? onFrame({ now: performance.now() }) : clearInterval(timer)),
    1000 / 30,
  );
  return stop;
};

const bar = (name, share, { half = false, text }) => {
  const filled = el("span", { class: "filled" });
  filled.style.width = `${100 * share}%`;
  return el(
    "div",
    { class: "bar" },
    el("span", { class: "bar-name" }, name),
    el(
      "span",
      {
        class: `bar-trough${half ? " halved" : ""}`,
        role: "meter",
        "aria-label": name,
        "aria-valuemin": 0,
        "aria-valuemax": 1,
        "aria-valuenow": share.toFixed(2),
        "aria-valuetext": text,
      },
      filled,
    ),
    el("span", { class: "bar-value" }, text),
  );
};

/** Make the part of the page work. */
export const setUpCamera = (about) => {
  const [video, boxes] = [by("camera-video"), by("camera-boxes")];
  const [startButton, stopButton, csvLink] = [
    by("camera-start"),
    by("camera-stop"),
    by("camera-csv"),
  ];
  const picture = document.createElement("canvas");
  let session = null;
  let points = [];
  const line = mount(by("camera-line"), (width) => lastMinute(points, width));
  by("camera-limits").textContent =
    `At most ${count(about.limits.camera_minutes, "minute")} at a time. The table can be saved at the end.`;

  const complain = (problem) => by("camera-problem").replaceChildren(problemBox(problem));

  /** Let go of everything; what was seen stays on the page. */
  const release = () => {
    if (!session) return;
    const { stream, socket, stopFrames, timer } = session;
    session = null;
    clearInterval(timer);
    stopFrames?.();
    for (const track of stream?.getTracks() ?? []) track.stop();
    if (socket && socket.readyState <= WebSocket.OPEN) socket.close();
    video.srcObject = null;
    boxes.getContext("2d").clearRect(0, 0, boxes.width, boxes.height);
    by("camera-stage").classList.remove("on");
    startButton.hidden = false;
    startButton.disabled = false;
    stopButton.hidden = true;
    stopButton.disabled = false;
    startButton.textContent = "Start the camera";
  };

  const drawBoxes = (rows) => {
    const box = boxes.getBoundingClientRect();
    const dots = window.devicePixelRatio || 1;
    [boxes.width, boxes.height] = [box.width * dots, box.height * dots];
    const pen = boxes.getContext("2d");
    pen.scale(dots, dots);
    const scale = box.width / picture.width;
    for (const row of rows.filter((each) => each.face_id !== null && isNumber(each.box_x_px))) {
      const [w, h] = [row.box_w_px * scale, row.box_h_px * scale];
      const [x, y] = [box.width - row.box_x_px * scale - w, row.box_y_px * scale]; // Mirrored, as the picture.
      for (const [colour, width] of [
        ["rgb(0 0 0 / 55%)", 5],
        ["#fff", 2],
      ]) {
        [pen.strokeStyle, pen.lineWidth] = [colour, width];
        pen.strokeRect(x, y, w, h);
      }
    }
  };

  const showAffect = (row) => {
    const there = AFFECT.filter(([name]) => name in row);
    if (!there.length) return;
    by("camera-affect").replaceChildren(
      el("h3", {}, "Valence and arousal", about.synthetic ? [" ", badge()] : []),
      ...there.map(([name, title]) =>
        bar(title, isNumber(row[name]) ? row[name] : 0, {
          half: true,
          text: isNumber(row[name]) ? row[name].toFixed(2) : "–",
        }),
      ),
      el(
        "p",
        { class: "soft small" },
        "How sure the network is of the high class: 0.5 is undecided. Not how strong a feeling is.",
      ),
      ...(about.synthetic ? [syntheticNote()] : []),
    );
  };

  const showRows = ({ rows, seen, dropped, latency_ms }) => {
    if (!rows.length) return;
    const newest_s = Math.max(...rows.map((row) => row.time_s));
    const now = rows.filter((row) => row.time_s === newest_s);
    const area = (row) => (row.box_w_px ?? 0) * (row.box_h_px ?? 0);
    const row = now.reduce((best, each) => (area(each) > area(best) ? each : best));
    const given = isNumber(row.hr_bpm);
    const more = now.length > 1 ? ` ${now.length} faces: these are the values of the largest.` : "";
    const words = `${given ? "Your heart rate, over the last seconds." : sentence(row.words)}${more}`;
    by("camera-rate").textContent = given ? row.hr_bpm.toFixed(0) : "–";
    by("camera-rate").classList.toggle("soft", !given);
    by("camera-words").textContent = words;
    if (given) say(`${row.hr_bpm.toFixed(0)} beats a minute`, 5);
    else say(sentence(row.words).replace(/^\d+ s to go/, "A few seconds to go"));
    by("camera-quality").replaceChildren(
      bar("Quality", isNumber(row.hr_quality) ? row.hr_quality : 0, {
        text: isNumber(row.hr_quality) ? row.hr_quality.toFixed(2) : "–",
      }),
    );
    points = [...points, [row.time_s, given ? row.hr_bpm : null]].filter(
      ([t_s]) => t_s > newest_s - 60,
    );
    line.redraw();
    showAffect(row);
    drawBoxes(now);
    session.server = `${seen} frames looked at, ${dropped} dropped there${isNumber(latency_ms) ? `, ${latency_ms.toFixed(0)} ms behind` : ""}`;
  };

  const offer = (csv) => {
    URL.revokeObjectURL(csvLink.href);
    csvLink.href = URL.createObjectURL(new Blob([csv], { type: "text/csv" }));
    csvLink.download = `pulsefer-${new Date().toISOString().slice(0, 16).replace(/[:T]/g, "-")}.csv`;
    csvLink.hidden = false;
  };

  const onFrame = (meta) => {
    const mine = session;
    if (!mine?.ready || mine.ending || !video.videoWidth) return;
    if (!mine.clock) {
      if (mine.first) mine.clock = chooseClock(mine.first, meta);
      mine.first = meta;
      return;
    }
    const time_s = mine.clock(meta);
    if (!(time_s > mine.last_s + LEAST_GAP_S)) return;
    mine.last_s = time_s;
    if (mine.encoding >= ENCODING_MOST || mine.socket.bufferedAmount > UNSENT_MOST) {
      mine.dropped += 1;
      return;
    }
    const scale = Math.min(1, WIDEST_PX / video.videoWidth, HIGHEST_PX / video.videoHeight);
    const [width, height] = [
      Math.round(scale * video.videoWidth),
      Math.round(scale * video.videoHeight),
    ];
    if (picture.width !== width || picture.height !== height)
      [picture.width, picture.height] = [width, height];
    picture.getContext("2d").drawImage(video, 0, 0, width, height);
    mine.encoding += 1;
    const jpeg = new Promise((resolve) => picture.toBlob(resolve, "image/jpeg", QUALITY));
    // One after the other, in the order in which they were filmed.
    mine.queue = mine.queue.then(async () => {
      const blob = await jpeg;
      mine.encoding -= 1;
      if (mine !== session || mine.ending || !blob || mine.socket.readyState !== WebSocket.OPEN)
        return;
      const head = new DataView(new ArrayBuffer(8));
      head.setFloat64(0, time_s, true);
      mine.socket.send(new Blob([head, blob]));
      mine.sent += 1;
    });
  };

  const hear = (mine, message) => {
    if (mine !== session) return;
    if (message.kind === "ready") {
      mine.ready = true;
      by("camera-words").textContent = "Look into the camera, and hold still.";
      say("Look into the camera, and hold still.");
    } else if (message.kind === "rows") showRows(message);
    else if (message.kind === "problem") {
      complain(message.problem);
      release();
    } else if (message.kind === "end") {
      offer(message.csv);
      const words = mine.ending
        ? "Stopped. The table can be saved."
        : "The time is up. The table can be saved.";
      by("camera-words").textContent = words;
      say(words);
      release();
    }
  };

  const connect = (mine) => {
    const socket = new WebSocket(
      `${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/camera`,
    );
    mine.socket = socket;
    socket.addEventListener("message", (event) => hear(mine, JSON.parse(event.data)));
    socket.addEventListener("close", () => {
      if (mine !== session) return;
      complain({
        title: "The connection was closed.",
        expected: "values until “Stop” is pressed",
        found: mine.ready ? "the server went away" : "the server did not take the camera",
        remedy:
          "see whether PulseFER still runs, or somebody else uses the camera part; then start again",
      });
      release();
    });
  };

  const countFrames = (mine) => {
    let before = 0;
    mine.timer = setInterval(() => {
      const here = mine.dropped ? `, ${mine.dropped} dropped here` : "";
      by("camera-speed").textContent =
        `${mine.sent - before} frames a second${here}${mine.server ? `; ${mine.server}` : ""}.`;
      before = mine.sent;
    }, 1000);
  };

  const start = async () => {
    by("camera-problem").replaceChildren();
    if (!navigator.mediaDevices?.getUserMedia) return complain(noCamera);
    startButton.disabled = true;
    startButton.textContent = "Starting …";
    csvLink.hidden = true;
    points = [];
    const mine = {
      ready: false,
      ending: false,
      encoding: 0,
      sent: 0,
      dropped: 0,
      last_s: -Infinity,
      queue: Promise.resolve(),
    };
    session = mine;
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({
        audio: false,
        video: { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 30 } },
      });
    } catch (error) {
      release();
      return complain(refusal(error));
    }
    if (mine !== session) return stream.getTracks().forEach((track) => track.stop());
    mine.stream = stream;
    stream.getVideoTracks()[0].addEventListener("ended", () => {
      if (mine !== session || mine.ending) return;
      complain({
        title: "The camera stopped.",
        expected: "pictures",
        found: "none any more",
        remedy: "plug it in again, or allow it again",
      });
      stop();
    });
    video.srcObject = stream;
    await video.play().catch(() => {}); // Left before it played.
    if (mine !== session) return null;
    const shape = (video.videoWidth || 4) / (video.videoHeight || 3);
    by("camera-stage").style.aspectRatio = `${shape}`;
    by("camera-stage").style.maxWidth = `${60 * shape}vh`; // An upright picture leaves room for the values.
    by("camera-stage").classList.add("on");
    startButton.hidden = true;
    stopButton.hidden = false;
    stopButton.focus();
    by("camera-words").textContent = "Getting ready: this may take some seconds.";
    connect(mine);
    countFrames(mine);
    mine.stopFrames = framesOf(video, onFrame);
    return null;
  };

  const stop = () => {
    const mine = session;
    if (!mine || mine.ending) return;
    mine.ending = true;
    stopButton.disabled = true;
    for (const track of mine.stream.getTracks()) track.stop();
    if (mine.socket.readyState !== WebSocket.OPEN) {
      release();
      return;
    }
    mine.socket.send("stop");
    setTimeout(() => {
      if (mine !== session) return;
      complain({
        title: "No table came.",
        expected: "the table within 5 s",
        found: "nothing",
        remedy: "start again",
      });
      release();
    }, END_MS);
  };

  startButton.addEventListener("click", start);
  stopButton.addEventListener("click", stop);
  window.addEventListener("pagehide", release);
};
