// The form of a job: what is handed in, to which model, once.

import { Refused, json, submitFile, submitNamed } from "./api.js";
import { announce, byId, element, show, visible } from "./element.js";

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"];
let intake = null;
let models = [];
let dropped = null; // a file that came by drag, where the browser does not let it into the field
let key = null; // the name of this request; the same until what is asked for changes or was answered

const way = () => document.querySelector("input[name=way]:checked").value;
const chosen = () => dropped ?? byId("file").files[0] ?? null;

const number = (value) => value.toLocaleString("en");

function size(bytes) {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length - 1);
  return `${Number((bytes / 1024 ** power).toPrecision(3))} ${UNITS[power]}`;
}

/** 128 random bits; randomUUID is not there where the service is reached without TLS. */
const newKey = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** Tell the form what may be handed in, and which models there are. */
export async function load() {
  [intake, { models }] = await Promise.all([json("v1/intake"), json("v1/models")]);
  byId("file").accept = intake.endings.join(",");
  byId("file-hint").textContent =
    `At most ${size(intake.upload_bytes)} and ${number(intake.samples)} rows; a study folder or stored cohort packed as ` +
    `zip or tar.gz. Endings: ${intake.endings.join(" ")}. Results are kept ${intake.keep_days} days.`;
  byId("way-path").hidden = !intake.paths;
  byId("way-dataset").hidden = intake.datasets.length === 0;
  byId("ways").hidden = !intake.paths && intake.datasets.length === 0;
  byId("dataset").replaceChildren(...intake.datasets.map((name) => element("option", { value: name }, visible(name))));
  byId("model").replaceChildren(...models.map(option));
  tellModel();
}

function option(model) {
  const version = model.available ? `version ${model.version}` : "cannot be reached now";
  const words = `${model.name}${model.default ? " (default)" : ""}, ${version}`;
  return element("option", { value: model.name, selected: model.default, disabled: !model.available }, visible(words));
}

function tellModel() {
  const model = models.find((each) => each.name === byId("model").value);
  if (!model) return;
  const leads = model.registered ? `${model.registered} leads to version ${model.version} now. ` : "";
  byId("model-hint").textContent = visible(`${leads}A job keeps the version that it starts with.`);
}

/** What the form asks for; throws Refused for what the service would refuse, before it is sent. */
function asked() {
  const model = byId("model").value;
  if (!model) throw new Refused(0, { found: "no model can be reached now", do: "Try again later, or tell the service's operator." });
  if (way() === "dataset") return { named: { dataset: byId("dataset").value, model } };
  if (way() === "path") {
    const path = byId("path").value.trim();
    if (!path) throw new Refused(0, { found: "no path is named", do: "Name one below a folder that the service reads." });
    return { named: { path, model } };
  }
  return { file: checked(chosen()), model };
}

function checked(file) {
  if (file === null) throw new Refused(0, { found: "no file is chosen", do: "Choose one, or drop it on the field." });
  if (!intake.endings.some((ending) => file.name.toLowerCase().endsWith(ending))) {
    const expected = intake.endings.join(", ");
    throw new Refused(0, { found: `${file.name} has no known ending`, expected, do: "Name the file by its format; pack a folder as zip or tar.gz." });
  }
  if (file.size > intake.upload_bytes) {
    const found = `${file.name} has ${number(file.size)} bytes`;
    const expected = `at most ${number(intake.upload_bytes)} (${size(intake.upload_bytes)})`;
    throw new Refused(0, { found, expected, do: "Submit it in parts, or as a path." });
  }
  return file;
}

async function send() {
  const { named, file, model } = asked();
  key ??= newKey();
  if (named) return submitNamed(named, key);
  const stop = new AbortController();
  byId("stop").onclick = () => stop.abort();
  byId("stop").hidden = byId("sending").hidden = false;
  return submitFile(file, model, key, { onSent, signal: stop.signal });
}

function onSent(share) {
  byId("sent").value = share;
  byId("sent-told").textContent = share < 1 ? `${Math.floor(100 * share)} % of ${size(chosen()?.size ?? 0)}` : "sent; the service looks at it";
}

/** Let the form work; `onJob` is told the job that came of it, `onRefused` a refusal by the service. */
export function wire(onJob, onRefused) {
  const form = byId("job-form");
  let busy = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    if (busy) return;
    busy = byId("send").disabled = true;
    show(byId("submit-problem"), null);
    try {
      const job = await send();
      key = null;
      clear();
      announce(`${job.input} was submitted.`);
      onJob(job);
    } catch (error) {
      // Without an answer the job may be there all the same, so the next try is the same request.
      if (error.status >= 400 && error.status < 500) key = null;
      show(byId("submit-problem"), error);
      onRefused(error);
    } finally {
      busy = byId("send").disabled = false;
      byId("stop").hidden = byId("sending").hidden = true;
      onSent(0);
    }
  });
  form.addEventListener("input", () => {
    key = null;
    showWay();
    tellModel();
  });
  byId("file").addEventListener("change", () => {
    dropped = null;
  });
  wireDrop(byId("drop"));
  showWay();
}

function clear() {
  dropped = null;
  byId("file").value = byId("path").value = "";
}

function showWay() {
  for (const part of document.querySelectorAll("[data-way]")) part.hidden = part.dataset.way !== way();
}

function wireDrop(zone) {
  const over = (is) => (event) => {
    event.preventDefault();
    zone.classList.toggle("over", is);
  };
  zone.addEventListener("dragover", over(true));
  zone.addEventListener("dragleave", over(false));
  zone.addEventListener("drop", (event) => {
    over(false)(event);
    const { files } = event.dataTransfer;
    if (files.length !== 1) {
      show(byId("submit-problem"), new Refused(0, { found: `${files.length} files were dropped`, expected: "one", do: "Pack several as zip." }));
      return;
    }
    byId("file").files = files;
    dropped = files[0];
    key = null;
    announce(`${files[0].name} was chosen.`);
  });
}
