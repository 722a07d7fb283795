// Asks the function that served this page, every five seconds while the page is looked at.
import { drawMap } from "./chain_map.js";

const EVERY_MS = 5000;
const LATE_S = 120;
const at = (id) => document.getElementById(id);
const number = new Intl.NumberFormat("en").format;
let map;

function make(name, properties = {}, ...children) {
  const made = Object.assign(document.createElement(name), properties);
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

function age(seconds) {
  if (seconds === null || seconds === undefined) return "never";
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const [size, unit] = units.find(([size]) => seconds >= size) ?? units.at(-1);
  return `${Math.floor(seconds / size)} ${unit}`;
}

async function ask(path, body) {
  const options = body ? { method: "POST", body: JSON.stringify(body), headers: { "Content-Type": "application/json" } } : {};
  const answer = await fetch(path, { ...options, cache: "no-store" });
  const said = await answer.json().catch(() => ({}));
  if (!answer.ok) throw Object.assign(new Error(said.message ?? said.error ?? `status ${answer.status}`), { status: answer.status });
  return said;
}

function table(heads, rows, className = "") {
  const head = make("tr", {}, ...heads.map(([text, kind]) => make("th", { scope: "col", className: kind ?? "", textContent: text })));
  const body = rows.map((cells) => make("tr", {}, ...cells.map((cell, i) => {
    const made = make("td", { className: heads[i][1] ?? "" }, cell);
    if (heads[i][0]) made.dataset.label = heads[i][0];
    return made;
  })));
  return make("div", { className: "table" }, make("table", { className }, make("thead", {}, head), make("tbody", {}, ...body)));
}

const VERDICTS = {
  healthy: "Healthy: everything moves",
  degraded: "Degraded: something waits for a person, or is late",
  unhealthy: "Unhealthy: a place has work and does not move",
};

function showHealth(status) {
  at("health").dataset.state = status.status;
  at("verdict").textContent = VERDICTS[status.status];
  at("causes").replaceChildren(...status.causes.map((cause) => {
    const since = cause.since_s === null ? "" : ` for ${age(cause.since_s)}`;
    const item = make("li", {}, make("strong", { textContent: cause.place }), ` ${cause.text} (${number(cause.count)}${since})`);
    item.dataset.severity = cause.severity;
    return item;
  }));
  at("checked").textContent = `As of ${new Date(status.last_check).toLocaleTimeString()}`;
  document.title = `${status.status} · HealBridge Sync`;
}

function showNumbers(status) {
  const minute = status.steps.reduce((sum, step) => sum + step.minutes.slice(0, 5).reduce((a, b) => a + b, 0), 0) / 5;
  const numbers = [
    ["core users", status.postgres_users], ["Supabase documents", status.supabase_documents],
    ["under way", status.pending_syncs], ["parked", status.failed_syncs], ["conflicts", status.conflicts],
    ["steps a minute", Math.round(minute)],
  ];
  at("numbers").replaceChildren(...numbers.map(([name, value]) => {
    const shown = make("dd", { textContent: number(value) });
    if (value && (name === "parked" || name === "conflicts")) shown.dataset.state = "degraded";
    return make("div", {}, make("dt", { textContent: name }), shown);
  }));
}

function showParked(status) {
  if (!status.parked.length) return at("parked").replaceChildren(make("p", { className: "quiet", textContent: "Nothing is parked." }));
  const focused = document.activeElement?.id;
  const rows = status.parked.map((reason) => {
    const button = make("button", { type: "button", textContent: "Replay", id: `replay-${reason.step}-${reason.code}` });
    button.setAttribute("aria-label", `Replay ${reason.count} of ${reason.step} parked for ${reason.code}`);
    button.addEventListener("click", () => replay(button, reason));
    return [make("code", { textContent: reason.step }), make("code", { textContent: reason.code }), number(reason.count), reason.remedy, button];
  });
  at("parked").replaceChildren(table([["Step"], ["Reason"], ["Entities", "n"], ["What to do"], [""]], rows, "stack"));
  if (focused?.startsWith("replay-")) at(focused)?.focus();
}

async function replay(button, { step, code }) {
  button.disabled = true;
  try {
    const { retried, failed } = await ask("api/sync/replay", { step, code });
    at("replayed").textContent = `Delivered ${retried} once more to ${step}.${failed ? ` ${failed} more are parked there.` : ""}`;
  } catch (error) {
    at("replayed").textContent = `Not replayed: ${error.message}.`;
  }
  await look();
}

function showCompared(status) {
  if (!status.reconciled.length) return at("compared").replaceChildren(make("p", { className: "quiet", textContent: "The stores have not been compared yet." }));
  const rows = status.reconciled.map((run) => {
    const open = Object.entries(run.open).map(([kind, count]) => `${number(count)} ${kind}`).join(", ");
    return [run.projection, `${age(run.age_s)} ago`, `${number(run.source_rows)} / ${number(run.target_rows)}`, number(run.repaired), open || "none"];
  });
  at("compared").replaceChildren(table([["Comparison"], ["When"], ["Rows", "n"], ["Repaired", "n"], ["Open"]], rows, "stack"));
}

function showCanary(status) {
  if (!status.canary.length) return at("canary").replaceChildren(make("p", { className: "quiet", textContent: "The canary has not run yet." }));
  const rows = status.canary.map((seen) => [seen.kind, `${age(seen.touched_s)} ago`,
    seen.stalled_step ? `stopped at ${seen.stalled_step}` : seen.checked_s === null ? "not judged yet" : "passed"]);
  at("canary").replaceChildren(table([["Kind"], ["Sent"], ["Passage"]], rows));
}

function showPatient(patient) {
  const user = patient.postgres_user;
  const facts = [
    user ? `core ${user.role.toLowerCase()} ${user.id}` : "not in core",
    patient.firebase_profile ? "profile stored" : "no profile stored",
    `${number(patient.supabase_documents.length)} documents in Supabase`,
    patient.stuck.length ? `${number(patient.stuck.length)} not done` : "nothing stuck",
  ];
  const lines = patient.sync_logs.map((entry) => {
    const item = make("li", {},
      make("time", { dateTime: entry.at, textContent: new Date(entry.at).toLocaleString() }),
      make("span", {}, make("code", { textContent: entry.step }), ` ${entry.state}${entry.error_code ? ` (${entry.error_code})` : ""}: ${entry.kind} `, make("code", { textContent: entry.key })));
    item.dataset.state = entry.state;
    return item;
  });
  at("patient").replaceChildren(make("p", { textContent: `${facts.join(" · ")}.` }), make("ol", { className: "timeline" }, ...lines));
}

at("ask").addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    showPatient(await ask(`api/sync/patient/${encodeURIComponent(at("uid").value.trim())}`));
  } catch (error) {
    at("patient").replaceChildren(make("p", { textContent: `${error.message}.` }));
  }
});

async function look() {
  try {
    map ??= await ask("api/sync/map");
    const status = await ask("api/sync/status");
    showHealth(status);
    showNumbers(status);
    drawMap(at("map"), map, status, { number, age, lateAfter: LATE_S });
    showParked(status);
    showCompared(status);
    showCanary(status);
  } catch (error) {
    at("health").dataset.state = "error";
    at("verdict").textContent = `The status cannot be read: ${error.message}`;
  }
}

async function keepLooking() {
  if (!document.hidden) await look();
  setTimeout(keepLooking, EVERY_MS);
}
keepLooking();
