/* Asking the server, and what it says when it refuses. */

/** An answer that is no: `problem` says what was expected, found, and what to do. */
export class Refused extends Error {
  constructor(problem, status) {
    super(problem.text ?? problem.found);
    this.problem = problem;
    this.status = status;
  }
}

const SILENT = {
  expected: "an answer of the computer that runs PulseFER",
  found: "none",
  remedy: "see whether `pulsefer serve` still runs there, and try again",
};

const refusal = (status, text) => {
  try {
    const { problem } = JSON.parse(text);
    if (problem) return new Refused(problem, status);
  } catch {
    // Not of this server: a proxy, or a page of it.
  }
  const found = status ? `the answer ${status}` : SILENT.found;
  return new Refused({ ...SILENT, found }, status);
};

/** What any failure is in words. */
export const problemOf = (error) =>
  error instanceof Refused ? error.problem : { text: `${error.message ?? error}` };

const ask = async (path, options) => {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw refusal(0, "");
  }
  // The server was started anew, and knows nobody any more.
  if (answer.status === 401) location.assign("/login");
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  return answer;
};

/** The JSON at a path. */
export const get = async (path) => (await ask(path)).json();

/** Whether there is something at a path: refuses like the others. */
export const look = async (path) => (await ask(path)).text();

/** Delete what is at a path. What is gone already is as it should be. */
export const remove = async (path) => {
  try {
    await ask(path, { method: "DELETE" });
  } catch (error) {
    if (error.status !== 404) throw error;
  }
};

/** Send a file. Returns `answer`, a promise of the JSON, and `stop`. `onShare` gets 0 to 1. */
export const send = (path, file, onShare) => {
  const request = new XMLHttpRequest();
  const answer = new Promise((resolve, reject) => {
    request.upload.addEventListener("progress", (event) =>
      onShare(event.loaded / (event.total || 1)),
    );
    request.addEventListener("load", () => {
      if (request.status >= 400) return reject(refusal(request.status, request.responseText));
      return resolve(JSON.parse(request.responseText));
    });
    request.addEventListener("error", () => reject(refusal(0, "")));
    request.addEventListener("abort", () => reject(new DOMException("stopped", "AbortError")));
  });
  request.open("POST", path);
  request.setRequestHeader("Content-Type", file.type || "application/octet-stream");
  request.send(file);
  return { answer, stop: () => request.abort() };
};
