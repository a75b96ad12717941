// The page: a key, a field that is always ready to be typed into, and the last answer.

const ANSWER_MS = 8000;
const AGAIN_MS = 3000; // how long the camera passes over the code that it just read
const LOOK_MS = 200;
const NO_HASTE_MS = 500; // a scanner that ends with two Enters must not let in by the second one

const the = (id) => document.getElementById(id);
const clock = venueClock(document.documentElement.dataset.timeZone);

let asked = 0; // counts what was scanned: an answer to an older scan is not shown
let offered = null; // what may be let in now
let letting = false;

// The key

function openGate() {
  const key = sessionStorage.getItem("gate-key");
  the("key-form").hidden = key !== null;
  the("scanning").hidden = the("forget").hidden = key === null;
  (key === null ? the("key") : the("reference")).focus();
}

function forget(why) {
  sessionStorage.removeItem("gate-key");
  asked += 1;
  stopCamera();
  ready();
  the("key-told").textContent = why;
  openGate();
}

the("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = the("key").value.trim();
  the("key").value = "";
  if (!/^[\x21-\x7e]+$/.test(key)) {
    the("key-told").textContent = "That is not a key.";
    return;
  }
  the("key-told").textContent = "";
  sessionStorage.setItem("gate-key", key);
  openGate();
});
the("forget").addEventListener("click", () => forget(""));

// Asking

async function call(method, reference, rest, body) {
  const key = sessionStorage.getItem("gate-key");
  const response = await fetch(new URL(`tickets/${encodeURIComponent(reference)}${rest}`, location.href), {
    method, body, cache: "no-store", signal: AbortSignal.timeout(ANSWER_MS),
    headers: {
      Authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { "Content-Type": "application/json" }),
    },
  });
  return { status: response.status, body: await bodyOf(response), retryAfter: response.headers.get("Retry-After"), key };
}

// An error of something between us and the service need not be JSON.
function bodyOf(response) {
  return response.ok ? response.json() : response.json().catch(() => ({}));
}

async function look(reference) {
  if (letting) return; // what is being let in is told first
  const mine = (asked += 1);
  show({ state: "waiting", title: "Looking", told: reference, wallet: "", tickets: [], usable: [] });
  const verdict = await answered(call("GET", reference, ""), (found) => verdictOn(found, clock), reference, false);
  if (mine === asked && verdict !== null) show(verdict, reference);
}

async function letIn() {
  if (offered === null || letting) return;
  const { reference, usable, came } = offered;
  const body = mostOf(usable) > 1 ? JSON.stringify({ persons: came }) : undefined;
  letting = true;
  the("admit").disabled = true;
  const verdict = await answered(
    call("POST", reference, "/redeem", body), (found) => verdictOnLettingIn(found, came), reference, true,
  );
  letting = false;
  asked += 1;
  if (verdict !== null) show(verdict);
}

// The verdict; null where the key was refused, and is asked for again.
async function answered(calling, onAnswer, reference, isLettingIn) {
  let answer;
  try {
    answer = await calling;
  } catch {
    return verdictOnSilence("No connection", isLettingIn);
  }
  if (answer.status === 200) return onAnswer(answer.body);
  if (answer.status === 401) {
    if (answer.key === sessionStorage.getItem("gate-key")) forget("This key is not known, or was revoked.");
    return null;
  }
  return verdictOnProblem({ ...answer, problem: answer.body }, reference, isLettingIn, clock);
}

// Showing

function ready() {
  show({ state: "ready", title: "Ready", told: "Scan a ticket.", wallet: "", tickets: [], usable: [] });
}

function show(verdict, reference) {
  the("result").dataset.state = verdict.state;
  the("icon").setAttribute("href", `#${verdict.state}`);
  the("title").textContent = verdict.title;
  the("told").textContent = verdict.told;
  the("wallet").textContent = verdict.wallet;
  the("tickets").replaceChildren(...verdict.tickets.map(row));
  const usable = verdict.usable;
  offered = usable.length ? { reference, usable, came: mostOf(usable), since: performance.now() } : null;
  the("act").hidden = offered === null;
  if (offered !== null) showPersons();
  if (verdict.state === "ready" || verdict.state === "waiting") return;
  navigator.vibrate?.(offered !== null || verdict.state === "let-in" ? 60 : [120, 80, 120]);
}

function row(ticket) {
  const item = document.createElement("li");
  const told = document.createElement("span");
  const status = document.createElement("b");
  told.textContent = ticket.persons > 1 ? `${ticket.description}, ${ticket.persons} persons` : ticket.description;
  status.textContent = ticket.status === "Valid" && ticket.visitDate !== clock.today() ? clock.shortDay(ticket.visitDate) : ticket.status;
  item.append(told, status);
  return item;
}

function showPersons() {
  const { usable, came } = offered;
  const most = mostOf(usable);
  the("group").hidden = most === 1;
  the("came").textContent = `${came} of ${most} came`;
  the("fewer").disabled = came === 1;
  the("more").disabled = came === most;
  const isTicket = usable.some((ticket) => ticket.type === "ticket");
  the("admit").disabled = false;
  the("admit").textContent = isTicket
    ? `Let in ${counted(personsOn(usable, came), "person")}`
    : `Use ${counted(usable.length, "coupon")}`;
}

function change(by) {
  if (offered === null || letting) return;
  offered.came = Math.min(Math.max(offered.came + by, 1), mostOf(offered.usable));
  showPersons();
}

// The field. A scanner types into it and ends with Enter, whatever was touched before.

the("scan-form").addEventListener("submit", (event) => {
  event.preventDefault();
  const reference = the("reference").value.trim();
  the("reference").value = "";
  the("reference").inputMode = "none";
  if (reference) void look(reference);
  else if (offered !== null && performance.now() - offered.since > NO_HASTE_MS) void letIn();
});
the("type").addEventListener("click", () => {
  the("reference").inputMode = "text";
  the("reference").blur();
  the("reference").focus();
});
the("admit").addEventListener("click", () => void letIn());
the("fewer").addEventListener("click", () => change(-1));
the("more").addEventListener("click", () => change(1));

// A button that was touched must not keep the focus: the scanner's Enter would press it.
document.addEventListener("pointerdown", (event) => {
  if (event.target.closest("#scanning") && event.target !== the("reference")) event.preventDefault();
});
document.addEventListener("keydown", (event) => {
  const types = event.key.length === 1 && event.key !== " " && !event.ctrlKey && !event.metaKey && !event.altKey;
  if (types && !the("scanning").hidden) the("reference").focus();
});
addEventListener("focus", openGate);

// The camera, where the browser can read codes

let stream = null;
let lastRead = { text: "", at: 0 };

async function startCamera() {
  try {
    stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } });
  } catch {
    show({ state: "trouble", title: "No camera", told: "This page may not use it, or there is none.", wallet: "", tickets: [], usable: [] });
    return;
  }
  the("view").srcObject = stream;
  the("view").hidden = false;
  the("camera").setAttribute("aria-pressed", "true");
  await the("view").play();
  void read(new BarcodeDetector(), stream);
}

function stopCamera() {
  stream?.getTracks().forEach((track) => track.stop());
  stream = null;
  the("view").srcObject = null;
  the("view").hidden = true;
  the("camera").setAttribute("aria-pressed", "false");
}

async function read(detector, from) {
  while (stream === from) {
    const codes = await detector.detect(the("view")).catch(() => []);
    const text = codes[0]?.rawValue.trim() ?? "";
    const now = performance.now();
    if (stream === from && text && (text !== lastRead.text || now - lastRead.at > AGAIN_MS)) void look(text);
    if (text) lastRead = { text, at: now };
    await new Promise((resume) => setTimeout(resume, LOOK_MS));
  }
}

the("camera").hidden = !("BarcodeDetector" in window && navigator.mediaDevices);
the("camera").addEventListener("click", () => (stream === null ? void startCamera() : stopCamera()));

openGate();
