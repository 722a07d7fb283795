// Draws each chain of the catalog as a row of boxes and arrows, with the live numbers on them.
const BOX = { width: 178, height: 52, column: 58, row: 18, top: 20 };
const SVG = "http://www.w3.org/2000/svg";
const SOURCES = { auth: "Firebase Auth", blocking: "Firebase sign-in", firestore: "Firestore", http: "webhook", schedule: "outbox" };

function el(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// The column of a function is how many hops lead to it, of what nothing leads to the one before its
// first step; the row is its turn in that column.
function place(names, edges) {
  const column = Object.fromEntries(names.map((name) => [name, 0]));
  for (let pass = 0; pass < names.length; pass++)
    for (const { origin, step } of edges) column[step] = Math.max(column[step], column[origin] + 1);
  const source = new Set(names.filter((name) => !edges.some(({ step }) => step === name)));
  for (const name of source) {
    const led = edges.filter(({ origin }) => origin === name).map(({ step }) => column[step]);
    column[name] = led.length ? Math.min(...led) - 1 : 0; // one that leads nowhere here: an order
  }
  const taken = {};
  const spots = {};
  for (const name of names) {
    const turn = (taken[column[name]] = (taken[column[name]] ?? -1) + 1);
    spots[name] = { x: column[name] * (BOX.width + BOX.column), turn };
  }
  const rows = Math.max(...Object.values(taken)) + 1;
  for (const name of names) {
    const { x, turn } = spots[name];
    const used = taken[x / (BOX.width + BOX.column)] + 1;
    const free = ((rows - used) * (BOX.height + BOX.row)) / 2;
    spots[name] = { x, y: BOX.top + free + turn * (BOX.height + BOX.row) };
  }
  const columns = Math.max(...Object.values(column)) + 1;
  return { spots, width: columns * (BOX.width + BOX.column) - BOX.column, height: BOX.top + rows * (BOX.height + BOX.row) };
}

function box(fn, step, spot, number) {
  const group = el("g", { class: step ? "step" : "source", "data-name": fn.name, transform: `translate(${spot.x + 1} ${spot.y})` });
  if (step) group.dataset.state = step.state;
  group.append(el("rect", { width: BOX.width - 2, height: BOX.height, rx: 8 }));
  const name = el("text", { x: 12, y: 22, class: "name" }, fn.name);
  if (fn.name.length > 20) name.setAttribute("textLength", BOX.width - 26), name.setAttribute("lengthAdjust", "spacingAndGlyphs");
  group.append(name);
  const line = el("text", { x: 12, y: 40, class: "count" });
  if (!step) line.append(SOURCES[fn.trigger] ?? fn.trigger);
  else {
    line.append(`${number(step.done)} done`);
    if (step.parked) line.append(" · ", el("tspan", { class: "parked" }, `${number(step.parked)} parked`));
    if (step.retrying) line.append(` · ${number(step.retrying)} refused`);
  }
  group.append(line);
  if (step) group.append(pulse(step.minutes));
  return group;
}

// The last half hour, a bar a minute.
function pulse(minutes) {
  const half = minutes.slice(0, 30);
  const most = Math.max(...half, 1);
  const bars = el("g", { class: "pulse", "aria-hidden": "true" });
  half.forEach((handled, ago) => {
    if (!handled) return;
    const high = 1.5 + (handled / most) * 8;
    bars.append(el("path", { d: `M${BOX.width - 12 - ago * 2.2} ${BOX.height - 8}v${-high}h1.6v${high}z` }));
  });
  return bars;
}

function arrow(from, to, waiting, late, text) {
  const start = { x: from.x + BOX.width - 1, y: from.y + BOX.height / 2 };
  const end = { x: to.x, y: to.y + BOX.height / 2 };
  const bend = Math.min(40, (end.x - start.x) / 2);
  const group = el("g", { class: `edge${waiting ? " busy" : ""}${late ? " late" : ""}` });
  group.append(el("path", { d: `M${start.x} ${start.y}C${start.x + bend} ${start.y} ${end.x - bend} ${end.y} ${end.x - 6} ${end.y}` }));
  group.append(el("path", { class: "tip", d: `M${end.x} ${end.y}l-7 -4v8z` }));
  if (text === null) return group;
  group.append(el("text", { x: end.x - BOX.column / 2 + 6, y: end.y - 8 }, text));
  if (late) group.append(el("text", { x: end.x - BOX.column / 2 + 6, y: end.y + 18 }, late));
  return group;
}

export function drawMap(into, map, status, { number, age, lateAfter }) {
  const steps = Object.fromEntries(status.steps.map((step) => [step.name, step]));
  const scrolled = Object.fromEntries([...into.querySelectorAll(".scroll")].map((at) => [at.ariaLabel, at.scrollLeft]));
  const focused = document.activeElement?.ariaLabel;
  into.replaceChildren();
  for (const [chain, about] of Object.entries(map.chains)) {
    if (chain === "upkeep") continue;
    const inside = new Set(map.functions.filter((fn) => fn.chain === chain).map((fn) => fn.name));
    const edges = map.edges.filter(({ origin, step }) => inside.has(step) && (inside.has(origin) || origin.startsWith("relay_")));
    const functions = map.functions.filter((fn) => inside.has(fn.name) || edges.some(({ origin }) => origin === fn.name));
    const names = functions.map((fn) => fn.name).sort((a, b) => inside.has(a) - inside.has(b));
    const { spots, width, height } = place(names, edges);
    const labelled = `chain-${chain}`;
    const svg = el("svg", { viewBox: `0 0 ${width} ${height}`, width, height, role: "img", "aria-labelledby": labelled });
    const told = functions.filter((fn) => steps[fn.name]).map((fn) => {
      const step = steps[fn.name];
      return `${fn.name}: ${step.waiting} under way, ${step.done} done, ${step.parked} parked, ${step.state}`;
    });
    svg.append(el("title", { id: labelled }, `Chain ${chain}. ${told.join("; ")}.`));
    const numbered = new Set();
    for (const { origin, step } of edges) {
      const { waiting, lag_s: lag } = steps[step];
      const late = waiting > 0 && lag !== null && lag > lateAfter ? age(lag) : null;
      const text = numbered.has(step) ? null : number(waiting);
      numbered.add(step);
      svg.append(arrow(spots[origin], spots[step], waiting, late, text));
    }
    for (const fn of functions) svg.append(box(fn, steps[fn.name], spots[fn.name], number));
    const caption = document.createElement("figcaption");
    caption.append(Object.assign(document.createElement("strong"), { textContent: chain }), about.replaceAll("->", "→"));
    const scroll = Object.assign(document.createElement("div"), { className: "scroll", tabIndex: 0, role: "group" });
    scroll.ariaLabel = `Chain ${chain}`;
    scroll.append(svg);
    const figure = document.createElement("figure");
    figure.append(caption, scroll);
    into.append(figure);
    scroll.scrollLeft = scrolled[scroll.ariaLabel] ?? 0;
    if (focused === scroll.ariaLabel) scroll.focus({ preventScroll: true });
  }
}
