/* Start, and the tabs. */

import { showFacts } from "./about.js";
import { get, problemOf } from "./api.js";
import { setUpCamera } from "./camera.js";
import { by, problemBox } from "./dom.js";
import { showPrograms } from "./programs.js";
import { setUpStudy } from "./study.js";
import { setUpFilm } from "./upload.js";

const tabs = [...document.querySelectorAll("[role=tab]")];
const nameOf = (tab) => tab.id.replace("tab-", "");
const usable = () => tabs.filter((tab) => !tab.hidden);

/** Show one part, and say so in the address. */
const choose = (chosen) => {
  for (const tab of tabs) {
    const here = tab === chosen;
    tab.setAttribute("aria-selected", `${here}`);
    tab.tabIndex = here ? 0 : -1;
    by(tab.getAttribute("aria-controls")).hidden = !here;
  }
  document.dispatchEvent(new CustomEvent("part", { detail: nameOf(chosen) }));
};

const byAddress = () => {
  const named = usable().find((tab) => `#${nameOf(tab)}` === location.hash);
  if (named) choose(named);
};

const go = (tab) => {
  history.replaceState(null, "", `#${nameOf(tab)}`);
  choose(tab);
};

for (const tab of tabs) {
  tab.addEventListener("click", () => go(tab));
  tab.addEventListener("keydown", (event) => {
    const all = usable();
    const here = all.indexOf(tab);
    const to = {
      ArrowRight: (here + 1) % all.length,
      ArrowLeft: (here + all.length - 1) % all.length,
      Home: 0,
      End: all.length - 1,
    }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    go(all[to]);
    all[to].focus();
  });
}
window.addEventListener("hashchange", byAddress);

try {
  const about = await get("/api/about");
  showFacts(about);
  by("tab-study").hidden = about.study === null;
  setUpFilm(about);
  setUpCamera(about);
  if (about.study !== null) setUpStudy();
  showPrograms(about);
  byAddress();
} catch (error) {
  by("facts").replaceChildren(
    problemBox({ title: "This page cannot start.", ...problemOf(error) }),
  );
}
