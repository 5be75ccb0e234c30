// The service's routes, asked with the token of this tab. A token is never part of an address.

const KEPT = "metarisk-token";

// What the service, or the way to it, refused: found, expected, do.
export class Refused extends Error {
  constructor(status, { found, expected = "", do: todo }) {
    super(found);
    Object.assign(this, { status, found, expected, do: todo });
  }
}

export const token = {
  get: () => sessionStorage.getItem(KEPT),
  set: (text) => sessionStorage.setItem(KEPT, text),
  forget: () => sessionStorage.removeItem(KEPT),
};

const UNREACHED = {
  found: "the service does not answer",
  do: "Check that it runs and that this machine reaches it, then try again; what was submitted is not submitted twice.",
};

const headers = (more = {}) => (token.get() === null ? more : { ...more, Authorization: `Bearer ${token.get()}` });

/** Words of an answer that is no success, also where something between here and the service gave it. */
function refusal(status, text) {
  try {
    const told = JSON.parse(text);
    if (typeof told.found === "string") return new Refused(status, told);
  } catch {
    // not the service's own words
  }
  return new Refused(status, { found: `the service answered ${status}`, do: "Try again; if it stays so, tell its operator." });
}

/** A good answer of a route; throws Refused. */
export async function ask(path, { method = "GET", body = null, more = {} } = {}) {
  let answer;
  try {
    answer = await fetch(path, { method, body, headers: headers(more), cache: "no-store", credentials: "omit" });
  } catch {
    throw new Refused(0, UNREACHED);
  }
  if (!answer.ok) throw refusal(answer.status, await answer.text());
  return answer;
}

export const json = async (path, options) => (await ask(path, options)).json();

/** Submit what the service finds itself: {path, model} or {dataset, model}. */
export const submitNamed = (named, key) =>
  json("v1/jobs", {
    method: "POST",
    body: JSON.stringify(named),
    more: { "Content-Type": "application/json", "Idempotency-Key": key },
  });

/** Submit a file; `onSent` is told the share of it that has left. XMLHttpRequest, as fetch does not tell that. */
export function submitFile(file, model, key, { onSent, signal }) {
  const form = new FormData();
  form.append("model", model);
  form.append("file", file);
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", "v1/jobs");
    for (const [name, value] of Object.entries(headers({ "Idempotency-Key": key }))) request.setRequestHeader(name, value);
    request.upload.onprogress = (told) => onSent(told.lengthComputable ? told.loaded / told.total : 0);
    request.onload = () =>
      request.status < 300 ? resolve(JSON.parse(request.responseText)) : reject(refusal(request.status, request.responseText));
    request.onerror = () => reject(new Refused(0, UNREACHED));
    request.onabort = () => reject(new Refused(0, { found: "the upload was stopped", do: "Submit again when you wish." }));
    signal.addEventListener("abort", () => request.abort());
    request.send(form);
  });
}

/** Save a result under a name of ours: a link could not carry the token, so it is fetched and then saved. */
export async function save(path, name) {
  const address = URL.createObjectURL(await (await ask(path)).blob());
  const link = document.createElement("a");
  link.href = address;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

/** Show a job's report in a window whose origin is not this page's: it cannot reach the token or the service. */
export async function openReport(id) {
  const view = open("page/report");
  if (view === null) {
    throw new Refused(0, { found: "the browser opened no window", do: "Let this address open windows, or save the report." });
  }
  const ready = new Promise((resolve) => {
    addEventListener("message", function told(message) {
      // The window's origin is "null": if it says another, somebody led it elsewhere.
      if (message.source !== view || message.origin !== "null") return;
      removeEventListener("message", told);
      resolve();
    });
  });
  try {
    const page = ask(`v1/jobs/${id}/report`).then((answer) => answer.text());
    const [report] = await Promise.all([page, ready]);
    view.postMessage(report, "*"); // an origin like that has no name to address
  } catch (error) {
    view.close();
    throw error;
  }
}
