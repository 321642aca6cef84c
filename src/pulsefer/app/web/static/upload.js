/* A film: choose it, send it, wait for it. What comes of it is in results.js. */

import { get, problemOf, remove, send } from "./api.js";
import { by, count, el, problemBox, say } from "./dom.js";
import { showResult } from "./results.js";

const KEPT = "pulsefer-job";
const ASK_MS = 500;
const PATIENCE = 20;

const megabytes = (bytes) =>
  bytes < 950_000 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`;

/** Make the part of the page work; a job of before a reload is shown again. */
export const setUpFilm = (about) => {
  const { limits } = about;
  const [form, picked, drop] = [by("film-form"), by("film-file"), by("film-drop")];
  let file = null;
  let stop = () => {};
  let turn = 0; // What comes late, of a job that was left, is not shown.

  by("film-limits").textContent =
    `Up to ${limits.size_mb} MB and ${count(limits.minutes, "minute")}. The film is deleted as soon as it has been looked at, ` +
    `its results after ${count(limits.keep_minutes, "minute")}. Nothing leaves the computer that runs PulseFER.`;

  const show = (part) => {
    for (const id of ["film-form", "film-progress", "film-result"]) by(id).hidden = id !== part;
    by("film-problem").replaceChildren();
  };

  const choose = (chosen) => {
    file = chosen ?? null;
    by("film-title").textContent = file ? file.name : "Choose a film of a face";
    by("film-hint").textContent = file
      ? `${megabytes(file.size)}. Choose or drop another one to change it.`
      : "or drop it here. A minute of a calm face in good light is plenty.";
    by("film-problem").replaceChildren();
  };

  const again = () => {
    turn += 1;
    sessionStorage.removeItem(KEPT);
    picked.value = "";
    choose(null);
    show("film-form");
  };

  const refuse = (problem) => {
    again();
    by("film-problem").replaceChildren(problemBox(problem));
    picked.focus();
  };

  const tell = (stage, detail, share) => {
    by("film-stage").textContent = stage;
    by("film-detail").textContent = detail;
    if (share === null) by("film-bar").removeAttribute("value");
    else by("film-bar").value = share;
    say(stage);
    say(`${stage}. ${detail}`, 8);
  };

  const progress = (job) => {
    if (job.state === "waiting") {
      const before = job.position ? `${count(job.position, "film")} before it` : "it is the next";
      return tell("In the queue", before, null);
    }
    const of = job.of_s ? ` of ${Math.round(job.of_s)}` : "";
    return tell(
      "Looking at the film",
      `${Math.round(job.done_s)}${of} s done`,
      job.of_s ? Math.min(1, job.done_s / job.of_s) : null,
    );
  };

  const finish = async (job, mine) => {
    const path = `/api/jobs/${job.id}`;
    const table = await get(`${path}/table`);
    if (mine !== turn) return;
    const waited = by("film-progress").contains(document.activeElement);
    show("film-result");
    showResult(by("film-result"), {
      job,
      table,
      about,
      path,
      onAgain: again,
      onDelete: async () => {
        await remove(path);
        again();
        say("Deleted: film, table and plots.");
        picked.focus();
      },
    });
    // The button that had the focus is gone.
    if (waited) by("film-result").querySelector(".sentence").focus();
  };

  const follow = async (first) => {
    turn += 1;
    const mine = turn;
    const path = `/api/jobs/${first.id}`;
    sessionStorage.setItem(KEPT, first.id);
    show("film-progress");
    stop = async () => {
      again();
      say("Stopped. Nothing of it is kept.");
      picked.focus();
      await remove(path).catch((error) =>
        by("film-problem").replaceChildren(problemBox(problemOf(error))),
      );
    };
    let job = first;
    let silent = 0;
    while (job.state === "waiting" || job.state === "running") {
      progress(job);
      await new Promise((resolve) => setTimeout(resolve, ASK_MS));
      if (mine !== turn) return;
      try {
        job = await get(path);
        silent = 0;
      } catch (error) {
        // A computer that is busy, or a cable: ask again for a while.
        silent += 1;
        if (error.status || silent > PATIENCE) throw error;
        tell("The server does not answer", "asking again", null);
      }
      if (mine !== turn) return;
    }
    if (job.state === "failed") {
      refuse({ title: `“${job.name}” cannot be used.`, ...job.problem });
      remove(path).catch(() => {}); // Deleted by itself later.
      return;
    }
    await finish(job, mine);
    say(job.summary?.sentence);
  };

  const start = async (chosen) => {
    turn += 1;
    const mine = turn;
    show("film-progress");
    tell("Sending the film", "", 0);
    const query = new URLSearchParams({
      name: chosen.name,
      overlay: by("film-overlay").checked,
      blur_faces: by("film-overlay").checked && by("film-blur").checked,
    });
    const sent = send(`/api/jobs?${query}`, chosen, (share) => {
      if (mine !== turn) return;
      tell(
        "Sending the film",
        `${Math.round(100 * Math.min(1, share))} % of ${megabytes(chosen.size)}`,
        Math.min(1, share),
      );
    });
    stop = () => {
      sent.stop();
      again();
      say("Stopped. Nothing of it is kept.");
      picked.focus();
    };
    by("film-cancel").focus();
    try {
      await follow(await sent.answer);
    } catch (error) {
      if (error.name !== "AbortError") refuse(problemOf(error));
    }
  };

  picked.addEventListener("change", () => choose(picked.files[0] ?? file));
  drop.addEventListener("dragover", (event) => {
    event.preventDefault();
    drop.classList.add("over");
  });
  // Beside the zone, a dropped film would be opened in place of this page.
  for (const kind of ["dragover", "drop"])
    document.addEventListener(kind, (event) => event.preventDefault());
  drop.addEventListener("dragleave", () => drop.classList.remove("over"));
  drop.addEventListener("drop", (event) => {
    event.preventDefault();
    drop.classList.remove("over");
    if (event.dataTransfer.files.length) choose(event.dataTransfer.files[0]);
  });
  by("film-overlay").addEventListener("change", ({ target }) => {
    by("film-blur").disabled = !target.checked;
  });
  by("film-cancel").addEventListener("click", () => stop());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!file) {
      refuse({
        title: "No film yet.",
        expected: "a film",
        found: "none",
        remedy: "choose one above",
      });
    } else if (file.size > limits.size_mb * 1e6) {
      refuse({
        title: `“${file.name}” is too large.`,
        expected: `a film of at most ${limits.size_mb} MB`,
        found: megabytes(file.size),
        remedy: "cut it, or film less; do not compress it more, for that removes the pulse",
      });
    } else start(file);
  });

  const kept = sessionStorage.getItem(KEPT);
  if (kept) {
    get(`/api/jobs/${kept}`)
      .then(follow)
      .catch((error) => (error.status === 404 ? again() : refuse(problemOf(error))));
  }
};
