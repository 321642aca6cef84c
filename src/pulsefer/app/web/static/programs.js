/* The same by a program: examples to copy. */

import { by, count, el, hush, say } from "./dom.js";

const origin = location.origin;

const CURL = `# send a film; the answer says its id
curl --fail -c jar -b jar -X POST -T talk.mp4 "${origin}/api/jobs?name=talk.mp4"

# ask until "state" is "done"
curl --fail -b jar ${origin}/api/jobs/ID

# fetch the table: table.csv, table.parquet; and about.json, overlay.mp4
curl --fail -b jar -O ${origin}/api/jobs/ID/table.csv

# delete all of it
curl --fail -b jar -X DELETE ${origin}/api/jobs/ID`;

const PYTHON = `import json, time
from http.cookiejar import CookieJar
from pathlib import Path
from urllib.request import HTTPCookieProcessor, Request, build_opener

server = build_opener(HTTPCookieProcessor(CookieJar()))  # it keeps the cookie

def ask(method, path, film=None):
    request = Request("${origin}" + path, film, method=method)
    return server.open(request, timeout=60).read()

job = json.loads(ask("POST", "/api/jobs?name=talk.mp4&overlay=false", Path("talk.mp4").read_bytes()))
path = f"/api/jobs/{job['id']}"
while job["state"] in ("waiting", "running"):
    time.sleep(0.5)
    job = json.loads(ask("GET", path))
if job["state"] == "failed":
    raise SystemExit(job["problem"]["text"])
print(job["summary"]["sentence"])
Path("talk.csv").write_bytes(ask("GET", f"{path}/table.csv"))
ask("DELETE", path)`;

const TOKEN = `curl --fail -c jar -b jar -H "Authorization: Bearer TOKEN" ${origin}/api/about`;

/** Without https the clipboard is not there: then the text is selected and the old way is gone. */
const copy = async (code) => {
  try {
    await navigator.clipboard.writeText(code.textContent);
    return true;
  } catch {
    getSelection().selectAllChildren(code);
    return document.execCommand("copy");
  }
};

const example = (title, text) => {
  const code = el("code", {}, text);
  const button = el(
    "button",
    {
      type: "button",
      "aria-label": `Copy: ${title}`,
      click: async () => {
        const done = await copy(code);
        button.textContent = done ? "Copied" : "Selected: copy it with the keyboard";
        say(button.textContent);
        setTimeout(() => {
          button.textContent = "Copy";
          hush();
        }, 3000);
      },
    },
    "Copy",
  );
  return el(
    "section",
    { class: "example" },
    el("div", { class: "row apart" }, el("h3", {}, title), button),
    el("pre", { tabindex: 0, role: "region", "aria-label": title }, code),
  );
};

/** Fill the part for programs. */
export const showPrograms = ({ limits, schema }) => {
  by("programs").replaceChildren(
    el(
      "p",
      {},
      "What this page does, a program can do: send a film, ask how far it is, fetch the table. ",
      el("a", { href: schema }, "The whole schema (OpenAPI)"),
    ),
    el(
      "ul",
      {},
      el(
        "li",
        {},
        "The cookie is who you are: only who made a job sees it. Keep it between calls.",
      ),
      el(
        "li",
        {},
        `A film has at most ${limits.size_mb} MB and ${count(limits.minutes, "minute")}; at most ${limits.waiting} wait at a time.`,
      ),
      el(
        "li",
        {},
        `A result is deleted ${count(limits.keep_minutes, "minute")} after it was made.`,
      ),
      el("li", {}, 'A refusal is JSON, too: {"problem": {"expected", "found", "remedy", "text"}}.'),
    ),
    example("In the shell", CURL),
    example("In Python", PYTHON),
    example("Where a password is asked for", TOKEN),
  );
};
