// The table of jobs: a row each, changed where the job changed, sorted by a click on a column's name.

import { ask, openReport, save } from "./api.js";
import { announce, badge, byId, element, problem, show, visible } from "./element.js";

const TONES = { queued: "plain", running: "live", done: "good", failed: "bad", cancelled: "plain" };
const isOpen = (job) => job.state === "queued" || job.state === "running";
const number = (value) => (value === null || value === undefined ? "" : value.toLocaleString("en"));
const seconds = (job) => (job.started === null ? null : (new Date(job.ended) - new Date(job.started)) / 1000);

// Of a column: its name, what of a job it shows (plain values, compared to see whether it changed), the nodes
// that show them, and what it is sorted by where that is something else.
const COLUMNS = [
  { name: "Samples", of: (job) => [job.input, job.id], nodes: nameOf, key: (job) => job.input },
  { name: "State", of: (job) => [job.state, job.cancel_asked, job.progress, job.error, job.tries], nodes: stateOf, key: (job) => job.state, wide: true },
  { name: "Model", of: (job) => [job.model.name, job.model.version], nodes: modelOf, key: (job) => `${job.model.name} ${job.model.version ?? ""}` },
  { name: "Scored", of: (job) => job.counts?.samples ?? null, nodes: (n) => [number(n)], number: true },
  { name: "Set aside", of: (job) => job.counts?.quarantined ?? null, nodes: (n) => [number(n)], number: true },
  { name: "Abstained", of: (job) => (job.counts ? [job.counts.abstained, job.counts.rows] : null), nodes: abstainedOf, key: (job) => job.counts?.abstained ?? null, number: true },
  { name: "Submitted", of: (job) => [job.created, isOpen(job) ? null : seconds(job)], nodes: timesOf, key: (job) => job.created },
  { name: "Results", of: (job) => [job.id, job.input, job.state, job.cancel_asked, job.results_kept, job.counts?.quarantined ?? 0], nodes: actsOf, plain: true },
];

function nameOf([input, id]) {
  return [element("bdi", {}, visible(input)), element("span", { class: "where" }, element("code", {}, id.slice(0, 8)))];
}

function stateOf([state, asked, { stage, done, of }, error, tries]) {
  const stopping = state === "running" && asked;
  const nodes = [badge(stopping ? "stopping" : state, stopping ? "caution" : TONES[state])];
  if (state === "running") {
    const told = of ? `${stage}: ${number(done)} of ${number(of)}` : `${stage || "starting"}${done ? `: ${number(done)}` : ""}`;
    const share = of ? { max: of, value: done } : {};
    nodes.push(element("span", { class: "where" }, element("progress", { "aria-label": told, ...share }), " ", told));
  }
  if (tries > 1) nodes.push(element("span", { class: "where" }, `begun by ${tries} workers`));
  if (error) nodes.push(problem(error));
  return nodes;
}

function modelOf([name, version]) {
  return [visible(name), element("span", { class: "where" }, version === null ? "no version yet" : `version ${visible(version)}`)];
}

function abstainedOf(told) {
  return told === null ? [] : [number(told[0]), element("span", { class: "where" }, `of ${number(told[1])}`)];
}

function timesOf([created, took]) {
  const when = new Date(created);
  const clock = when.toLocaleTimeString(undefined, { timeStyle: "short" });
  const day = element("time", { datetime: created }, when.toLocaleDateString(undefined, { dateStyle: "medium" }));
  return [day, element("span", { class: "where" }, took === null ? clock : `${clock}, took ${duration(took)}`)];
}

function duration(told) {
  if (told < 100) return `${told.toFixed(told < 10 ? 1 : 0)} s`;
  return told < 6000 ? `${Math.round(told / 60)} min` : `${(told / 3600).toFixed(1)} h`;
}

function actsOf([id, input, state, asked, kept, setAside]) {
  const short = id.slice(0, 8);
  const act = (text, name, does) =>
    element("button", { type: "button", "data-act": name, "aria-label": `${text}: ${visible(input)} ${short}`, onclick: () => attempt(does) }, text);
  const file = (text, route, name) => act(text, route, () => save(`v1/jobs/${id}/${route}`, name));
  const acts = [];
  if (state === "queued" || (state === "running" && !asked)) acts.push(act("Cancel", "cancel", () => cancel(id, input)));
  if (kept) {
    acts.push(
      act("Open report", "report", () => openReport(id)),
      file("Save scores", "scores", `scores-${short}.parquet`),
      file("as CSV", "scores?format=csv", `scores-${short}.csv`),
      file("Save audit", "audit?format=tsv", `audit-${short}.tsv`),
    );
    if (setAside) acts.push(file("Save rows set aside", "quarantine", `set-aside-${short}.tsv`));
  } else if (state === "done") return ["Removed because of their age."];
  return acts.length ? [element("div", { class: "acts" }, ...acts)] : [];
}

async function cancel(id, input) {
  if (!confirm(`Cancel ${visible(input)}? What was scored so far is thrown away.`)) return;
  const answer = await ask(`v1/jobs/${id}`, { method: "DELETE" });
  table.put(await answer.json());
}

async function attempt(does) {
  show(byId("jobs-problem"), null);
  try {
    await does();
  } catch (error) {
    show(byId("jobs-problem"), error);
  }
}

/** Numbers by size, text by its numbers and letters; what is not known stands last. */
function compare(a, b) {
  if (a === null || b === null) return (a === null) - (b === null);
  return typeof a === "number" ? a - b : String(a).localeCompare(String(b), "en", { numeric: true });
}

class Table {
  #rows = new Map(); // id -> { job, row, shown: what each cell shows, as JSON }
  #column = COLUMNS.findIndex((column) => column.name === "Submitted");
  #down = true;
  #heads = [];
  #body = element("tbody");

  /** Put the empty table on the page. */
  place() {
    this.#heads = COLUMNS.map((column, at) => {
      const content = column.plain ? column.name : element("button", { type: "button", onclick: () => this.#sortBy(at) }, column.name);
      return element("th", { scope: "col", class: column.number ? "number" : null }, content);
    });
    const head = element("thead", {}, element("tr", {}, ...this.#heads));
    byId("listed").append(element("table", {}, element("caption", { class: "unseen" }, "Your jobs"), head, this.#body));
    this.#order();
  }

  get moves() {
    return [...this.#rows.values()].some(({ job }) => isOpen(job));
  }

  clear() {
    this.#rows.clear();
    this.#body.replaceChildren();
  }

  /** Show these jobs and no others; true where anything changed. */
  show(jobs) {
    const ids = new Set(jobs.map((job) => job.id));
    const gone = [...this.#rows].filter(([id]) => !ids.has(id));
    for (const [id, { row }] of gone) {
      row.remove();
      this.#rows.delete(id);
    }
    const changed = jobs.map((job) => this.#put(job)).some(Boolean) || gone.length > 0;
    byId("listed").hidden = jobs.length === 0;
    byId("none").hidden = jobs.length > 0;
    if (changed) this.#order();
    return changed;
  }

  /** Show what is known of a job now. */
  put(job) {
    byId("listed").hidden = false;
    byId("none").hidden = true;
    if (this.#put(job)) this.#order();
  }

  #put(job) {
    const known = this.#rows.get(job.id);
    const entry = known ?? { row: element("tr", { id: `job-${job.id}`, tabindex: "-1" }), shown: [] };
    if (known && known.job.state !== job.state) announce(`${job.input} is ${job.state}.`);
    entry.job = job;
    this.#rows.set(job.id, entry);
    return COLUMNS.map((column, at) => this.#cell(entry, column, at)).some(Boolean);
  }

  /** A cell is made anew where what it shows has changed, and nowhere else: who is in it loses nothing. */
  #cell({ job, row, shown }, column, at) {
    const value = column.of(job);
    const told = JSON.stringify(value);
    if (shown[at] === told) return false;
    shown[at] = told;
    const nodes = column.nodes(value).filter((node) => node !== "");
    const kind = column.number ? "number" : column.wide ? "wide" : null;
    const name = column.plain ? null : column.name;
    const cell = at ? element("td", { class: kind, "data-name": name }, ...nodes) : element("th", { scope: "row" }, ...nodes);
    const old = row.cells[at];
    const inside = old?.contains(document.activeElement);
    if (old) old.replaceWith(cell);
    else row.append(cell);
    if (inside) (cell.querySelector("button") ?? row).focus();
    return true;
  }

  #sortBy(at) {
    this.#down = at === this.#column ? !this.#down : false;
    this.#column = at;
    this.#order();
  }

  #order() {
    const column = COLUMNS[this.#column];
    const key = column.key ?? column.of;
    const turn = this.#down ? -1 : 1;
    const rows = [...this.#rows.values()].sort((a, b) => turn * compare(key(a.job), key(b.job))).map(({ row }) => row);
    this.#heads.forEach((head, at) => {
      if (at === this.#column) head.setAttribute("aria-sort", this.#down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    if (rows.every((row, at) => row === this.#body.rows[at])) return;
    const focused = document.activeElement;
    this.#body.append(...rows);
    if (this.#body.contains(focused)) focused.focus();
  }
}

export const table = new Table();
