// The page: who asks, what they hand in, and what has become of it.

import { Refused, json, token } from "./api.js";
import { announce, byId, show } from "./element.js";
import { table } from "./jobs.js";
import { load, wire } from "./submit.js";

const SOON_MS = 1_000;
const LATE_MS = 10_000; // while a job waits or runs
const LATEST_MS = 60_000; // while nothing does, or the service does not answer
const PAGE = 100;
const MOST = 500;

let shown = PAGE;
let wait = SOON_MS;
let timer = null;
let turn = 0; // of looking; what an earlier look brings home late is old

/** Look again soon while something moves, ever more rarely while nothing does, and never in a hidden tab. */
function lookIn(ms) {
  clearTimeout(timer);
  turn += 1;
  timer = document.hidden ? null : setTimeout(look, ms);
}

async function look() {
  const mine = (turn += 1);
  let changed = false;
  try {
    const { jobs } = await json(`v1/jobs?limit=${shown}`);
    if (mine !== turn) return undefined;
    changed = table.show(jobs);
    byId("older").hidden = jobs.length < shown || shown >= MOST;
    show(byId("service-problem"), null);
  } catch (error) {
    if (error.status === 401) return closed(error);
    show(byId("service-problem"), error);
  }
  wait = changed ? SOON_MS : Math.min(wait * 1.5, table.moves ? LATE_MS : LATEST_MS);
  return lookIn(wait);
}

/** Show the service to somebody whom it lets in, or ask for a token. */
async function enter() {
  try {
    await load();
  } catch (error) {
    if (error.status === 401) return closed(error);
    show(byId("service-problem"), error);
    clearTimeout(timer);
    timer = setTimeout(enter, (wait = Math.min(wait * 2, LATEST_MS)));
    return undefined;
  }
  show(byId("access-problem"), null);
  show(byId("service-problem"), null);
  byId("access").hidden = byId("forget").hidden = token.get() === null;
  byId("submit").hidden = byId("jobs").hidden = false;
  wait = SOON_MS;
  return look();
}

/** Nobody is let in: what was shown is not this person's to see. */
function closed(error) {
  clearTimeout(timer);
  turn += 1;
  const wrong = token.get() !== null;
  token.forget();
  table.clear();
  byId("submit").hidden = byId("jobs").hidden = byId("forget").hidden = true;
  byId("access").hidden = false;
  show(byId("access-problem"), wrong ? { ...error, found: "this token opens nothing", expected: "" } : null);
  byId("token").focus();
}

byId("token-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const text = byId("token").value.trim();
  byId("token").value = "";
  if (!/^[\x21-\x7e]+$/.test(text)) {
    show(byId("access-problem"), new Refused(0, { found: "this is no token", expected: "letters that the operator gave you", do: "Copy it again." }));
    return;
  }
  token.set(text);
  enter();
});
byId("forget").addEventListener("click", () => {
  token.forget();
  announce("The token is forgotten.");
  enter();
});
byId("older").addEventListener("click", () => {
  shown = Math.min(shown + PAGE, MOST);
  look();
});
document.addEventListener("visibilitychange", () => (byId("jobs").hidden ? undefined : lookIn(0)));

table.place();
wire(
  (job) => {
    table.put(job);
    wait = SOON_MS;
    lookIn(wait);
  },
  (error) => (error.status === 401 ? closed(error) : undefined),
);
enter();
