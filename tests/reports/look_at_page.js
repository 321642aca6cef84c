// What a reader of the page would see go wrong: a list of sentences, empty for a good page.
// A function that open_in_browser.py calls inside of the opened page, with the text of its file
// and the width of the screen in CSS pixels.
async (source, width) => {
  const SLACK_PX = 1.5; // rounding, and a letter that leans out of its box
  const OVERLAP_PX = 3; // boxes of letters are taller than the letters
  const SMALLEST_PX = 9;
  const CONTRAST = 4.5; // WCAG 2.2, 1.4.3, level AA

  const faults = new Set(); // the same fault twice is one
  const all = (chosen, within = document) => [...within.querySelectorAll(chosen)];
  const shown = text => JSON.stringify((text ?? "").trim().replace(/\s+/g, " ").slice(0, 60));
  const screen = document.documentElement;

  // What lies behind "All figures" is read too.
  const shut = all("details:not([open])");
  for (const one of shut) one.open = true;
  await new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)));

  // The head.
  if (document.compatMode !== "CSS1Compat") faults.add("it has no doctype");
  const heading = document.querySelector("h1")?.textContent.trim() ?? "";
  if (!heading) faults.add("it has no heading");
  if (document.title !== heading) {
    faults.add(`it is titled ${shown(document.title)} over ${shown(heading)}`);
  }

  // A browser mends broken markup in silence: what it made is held against what was written.
  const drawn = all("svg");
  (source.match(/<svg\b[^]*?<\/svg>/g) ?? []).forEach((text, number) => {
    const bare = text.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"');
    const meant = new DOMParser().parseFromString(bare, "image/svg+xml");
    const error = meant.querySelector("parsererror div");
    const [written, made] = [meant.documentElement, drawn[number]].map(one => all("*", one).length);
    if (error) faults.add(`a drawing is no SVG: ${shown(error.textContent)}`);
    else if (written !== made) faults.add(`a drawing of ${written} elements became one of ${made}`);
  });
  for (const [name, made] of [["svg", drawn.length], ["figure", all("figure").length]]) {
    const written = source.match(new RegExp(`<${name}[\\s>]`, "g"))?.length ?? 0;
    const closed = source.match(new RegExp(`</${name}>`, "g"))?.length ?? 0;
    if (written !== made || closed !== made) {
      faults.add(`${written} <${name}> and ${closed} </${name}> became ${made}`);
    }
  }

  // Addresses, also of what a browser fetches without telling (preconnect) or not yet.
  const places = ["src", "srcset", "href", "data", "poster", "action", "formaction", "background"];
  for (const one of all(places.map(name => `[${name}]`).join()).filter(one => !one.matches("a"))) {
    for (const name of places) {
      const address = one.getAttribute(name) ?? "#";
      if (!/^(#|data:)/.test(address)) faults.add(`<${one.localName}> names ${shown(address)}`);
    }
  }

  // Names.
  const ids = all("[id]").map(one => one.id);
  for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at))) {
    faults.add(`two elements are called ${shown(id)}`);
  }
  const meant = all("[href^='#']").map(one => one.getAttribute("href").slice(1));
  for (const [, id] of source.matchAll(/url\(#([^)]+)\)/g)) meant.push(id);
  for (const id of meant) if (!ids.includes(id)) faults.add(`nothing is called ${shown(id)}`);

  // Width. What scrolls in itself may be wider than the screen.
  if (screen.clientWidth !== width) {
    faults.add(`it is laid out for ${screen.clientWidth} px on a screen of ${width}: no viewport`);
  }
  if (screen.scrollWidth > screen.clientWidth) {
    const scrolls = one => {
      for (let at = one.parentElement; at && at !== document.body; at = at.parentElement) {
        if (getComputedStyle(at).overflowX !== "visible") return true;
      }
      return false;
    };
    const wide = all("body *").find(
      one => one.getBoundingClientRect().right > screen.clientWidth + SLACK_PX && !scrolls(one),
    );
    faults.add(
      `it is ${screen.scrollWidth} px wide on a screen of ${screen.clientWidth}`
      + (wide ? `, by <${wide.localName}> ${shown(wide.textContent)}` : ""),
    );
  }
  // The first tables are read from left to right without a hand; all figures need not be.
  for (const box of all(".wide").filter(one => width > 1000 && !one.closest("details"))) {
    if (box.scrollWidth > box.clientWidth) {
      faults.add(`a table is ${box.scrollWidth} px wide in ${box.clientWidth}: ${box.ariaLabel}`);
    }
  }
  for (const cell of all("th, td")) {
    if (cell.scrollWidth > cell.clientWidth + SLACK_PX) {
      faults.add(`a cell of a table is cut: ${shown(cell.textContent)}`);
    }
  }

  // Drawings.
  for (const figure of all("figure")) {
    const about = shown(figure.querySelector("figcaption")?.textContent);
    const drawing = figure.querySelector("svg");
    const box = drawing?.getBoundingClientRect();
    if (!box || box.width < 50 || box.height < 50) {
      faults.add(`a figure has no size: ${about}`);
      continue;
    }
    if (!all("path, use", drawing).some(one => one.getBoundingClientRect().width > 0)) {
      faults.add(`a figure is empty: ${about}`);
    }
    const texts = all("text", drawing).filter(one => one.textContent.trim());
    const boxes = texts.map(one => one.getBoundingClientRect());
    texts.forEach((text, number) => {
      const own = boxes[number];
      const out = Math.max(box.left - own.left, own.right - box.right,
                           box.top - own.top, own.bottom - box.bottom);
      if (out > SLACK_PX) faults.add(`${shown(text.textContent)} is cut in the figure ${about}`);
      boxes.slice(0, number).forEach((other, place) => {
        const across = Math.min(own.right, other.right) - Math.max(own.left, other.left);
        const down = Math.min(own.bottom, other.bottom) - Math.max(own.top, other.top);
        if (across > OVERLAP_PX && down > OVERLAP_PX) {
          const both = `${shown(texts[place].textContent)} and ${shown(text.textContent)}`;
          faults.add(`${both} lie over each other in the figure ${about}`);
        }
      });
      // Of a text that stands upright, the height is the width.
      const size = Math.min(own.width, own.height);
      if (size < SMALLEST_PX && text.textContent.trim().length > 1) {
        faults.add(`${shown(text.textContent)} is ${size.toFixed(1)} px high in the figure ${about}`);
      }
    });
  }

  // Colours.
  const parts = colour => (colour.match(/[\d.]+/g) ?? []).map(Number);
  const light = colour => {
    const [r, g, b] = parts(colour).map(value => {
      const share = value / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = one => {
    for (let at = one; at; at = at.parentElement) {
      const colour = getComputedStyle(at).backgroundColor;
      if (parts(colour)[3] !== 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const seen = new Set();
  for (const one of all("body *")) {
    const own = [...one.childNodes].some(node => node.nodeType === 3 && node.data.trim());
    if (!own || one.closest("style, title, metadata")) continue;
    const style = getComputedStyle(one);
    const colour = one.closest("svg") ? style.fill : style.color;
    const pair = `${colour} on ${behind(one)}`;
    if (seen.has(pair)) continue;
    seen.add(pair);
    const [low, high] = [light(colour), light(behind(one))].sort((a, b) => a - b);
    const contrast = (high + 0.05) / (low + 0.05);
    if (!(contrast >= CONTRAST)) {
      faults.add(`${shown(one.textContent)} is hard to read: ${pair}, ${contrast.toFixed(1)} to 1`);
    }
  }

  for (const one of shut) one.open = false;
  return [...faults];
}
