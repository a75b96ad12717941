"use strict";
// What an attendant is told of an answer: a state (its icon and colour), a title, a sentence, and what may be used now.
// The service decides again when it lets in; who this page takes for admitted must not come in without its answer.

function verdictOn(shown, clock) {
  const held = shown.tickets ?? [shown];
  const tickets = held.some((ticket) => ticket.type === "ticket") ? held.filter((ticket) => ticket.type === "ticket") : held;
  const ofToday = tickets.filter((ticket) => ticket.visitDate === clock.today());
  const usable = ofToday.filter((ticket) => ticket.status === "Valid");
  const asked = ofToday.length ? ofToday : tickets;
  const about = { wallet: shown.tickets ? shown.name : "", tickets: held, usable: [] };
  if (usable.length) return { ...about, state: "valid", title: "Valid", told: visit(usable, clock), usable };
  if (asked.every((ticket) => ticket.status === "Used")) return { ...about, ...used(newest(asked), clock) };
  const refused = asked.find((ticket) => ticket.status !== "Used");
  if (refused.status !== "Valid") return { ...about, ...notValid(refused.status) };
  const days = asked.filter((ticket) => ticket.status === "Valid").map((ticket) => ticket.visitDate).sort();
  return { ...about, ...notToday(days.find((day) => day > clock.today()) ?? days.at(-1), clock) };
}

// What was used just now is what has the newest time: another gate may have used a part of a wallet before.
function verdictOnLettingIn(shown, came) {
  const held = shown.tickets ?? [shown];
  const at = newest(held);
  const now = held.filter((ticket) => ticket.usedAt === at);
  const about = { state: "let-in", wallet: shown.tickets ? shown.name : "", tickets: held, usable: [] };
  if (now.some((ticket) => ticket.type === "ticket")) {
    return { ...about, title: "Admitted", told: `${counted(personsOn(now, came), "person")} may enter.` };
  }
  return { ...about, title: "Done", told: `${counted(now.length, "coupon")} used.` };
}

// `answer`: status, the problem, the seconds of its Retry-After.
function verdictOnProblem({ status, problem, retryAfter }, reference, isLettingIn, clock) {
  const about = { wallet: "", tickets: [], usable: [] };
  const trouble = (title, told) => ({ ...about, state: "trouble", title, told });
  switch (problem.code) {
    case "already_used":
      return { ...about, ...used(problem.usedAt, clock) };
    case "not_valid":
      return { ...about, ...(problem.visitDate ? notToday(problem.visitDate, clock) : notValid(problem.currentStatus)) };
    case "resource_not_found":
      return { ...about, state: "unknown", title: "Unknown", told: `No ticket and no wallet has the number ${reference}` };
    case "rate_limited":
      return trouble("Wait", `Too many unknown numbers. This key may ask again in ${counted(retryAfter, "second")}.`);
    case "forbidden":
      return trouble("Not with this key", "It may not do this. Ask the office for a gate key.");
    case "validation_failed":
      return trouble("Not possible", problem.errors[0].message);
    case "unavailable":
      return trouble("No answer", "The service cannot answer now. Nothing was used. Scan it again.");
    default:
      return status >= 500 ? verdictOnSilence("No answer", isLettingIn) : trouble("Not possible", problem.message ?? "");
  }
}

function verdictOnSilence(title, isLettingIn) {
  const told = isLettingIn
    ? "Nobody knows whether it was used. Scan it again: it tells."
    : "Nothing was used. Check the network, and scan it again.";
  return { state: "trouble", title, told, wallet: "", tickets: [], usable: [] };
}

function used(at, clock) {
  return { state: "used", title: "Already used", told: `Used ${clock.moment(at)}. Nobody is let in on it again.` };
}

function notValid(status) {
  if (status === "Unconfirmed") {
    return { state: "unconfirmed", title: "Not paid yet", told: "Its order waits to be paid. Nobody is let in on it until then." };
  }
  return { state: "void", title: "Void", told: "It was cancelled, replaced or not paid in time. Nobody is let in on it." };
}

function notToday(day, clock) {
  return { state: "not-today", title: "Not today", told: `It is for ${clock.day(day)}.` };
}

function visit(tickets, clock) {
  const times = [...new Set(tickets.map((ticket) => ticket.visitTime.slice(0, 5)))].sort();
  return `Today, ${times.join(", ")}`;
}

function newest(tickets) {
  return tickets.map((ticket) => ticket.usedAt ?? "").sort().at(-1);
}

function counted(count, one) {
  return `${count} ${Number(count) === 1 ? one : `${one}s`}`;
}

// How many came on the group tickets among these: 1 to the smallest of them. Tickets for one let one in.
function mostOf(tickets) {
  const groups = tickets.map((ticket) => ticket.persons).filter((persons) => persons > 1);
  return groups.length ? Math.min(...groups) : 1;
}

function personsOn(tickets, came) {
  return tickets.reduce((sum, ticket) => sum + (ticket.persons > 1 ? (came ?? ticket.persons) : 1), 0);
}

// Days and times as the venue's clock has them, whatever the device's zone is.
function venueClock(timeZone, now = () => new Date()) {
  const iso = new Intl.DateTimeFormat("en-CA", { timeZone, year: "numeric", month: "2-digit", day: "2-digit" });
  const time = new Intl.DateTimeFormat("en-GB", { timeZone, hour: "2-digit", minute: "2-digit" });
  const shortDay = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", day: "numeric", month: "short" });
  const date = new Intl.DateTimeFormat("en-GB", { timeZone, day: "numeric", month: "long", year: "numeric" });
  const longDay = new Intl.DateTimeFormat("en-GB", { timeZone: "UTC", weekday: "long", day: "numeric", month: "long", year: "numeric" });
  return {
    today: () => iso.format(now()),
    shortDay: (day) => shortDay.format(new Date(`${day}T00:00:00Z`)),
    day: (day) => longDay.format(new Date(`${day}T00:00:00Z`)),
    moment: (at) => {
      const then = new Date(at);
      const isToday = iso.format(then) === iso.format(now());
      return isToday ? `today at ${time.format(then)}` : `on ${date.format(then)} at ${time.format(then)}`;
    },
  };
}
