// Building blocks of the page. Everything that a person typed goes in as text.

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const longDate = new Intl.DateTimeFormat(undefined, { weekday: "long", day: "numeric", month: "long" });
const fullDate = new Intl.DateTimeFormat(undefined, { dateStyle: "long", timeStyle: "medium" });
const TOGETHER = 3 * 60 * 1000; // ms: messages of one author this close share a head

export const $ = (id) => document.getElementById(id);

// make builds an element: make("li", { class: "x" }, "text", child).
export function make(tag, attributes, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value !== undefined && value !== false) {
      el.setAttribute(name, value === true ? "" : value);
    }
  }
  el.append(...children.filter((c) => c !== null && c !== undefined));
  return el;
}

export function icon(name) {
  const ns = "http://www.w3.org/2000/svg";
  const svg = document.createElementNS(ns, "svg");
  const use = document.createElementNS(ns, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.setAttribute("aria-hidden", "true");
  svg.append(use);
  return svg;
}

// paintAvatar gives a name its initials and always the same color.
export function paintAvatar(el, name) {
  const words = name.trim().split(/\s+/);
  const letters = words.length > 1 ? [words[0], words.at(-1)] : [words[0]];
  el.textContent = letters.map((w) => [...w][0] ?? "").join("").toUpperCase();
  let hue = 7;
  for (const c of name) {
    hue = (hue * 31 + c.codePointAt(0)) % 360;
  }
  el.style.setProperty("--hue", hue);
  return el;
}

export const avatar = (name) => paintAvatar(make("span", { class: "avatar", "aria-hidden": "true" }), name);

export function size(bytes) {
  return bytes < 1e6 ? `${Math.max(1, Math.round(bytes / 1000))} kB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

// withLinks turns http addresses of a text into links and leaves the rest text.
function withLinks(text) {
  return text.split(/(https?:\/\/[^\s<>"]+[^\s<>".,;:!?)\]])/).map((part, i) =>
    i % 2 ? make("a", { href: part, target: "_blank", rel: "noopener noreferrer" }, part) : part);
}

const STATES = {
  queued: "Waiting for the connection",
  sending: "Sending…",
  sent: "✓ Sent",
  delivered: "✓✓ Delivered",
  failed: "Not sent",
};

// messageItem builds the li of an entry; act has open(entry) and again(entry).
export function messageItem(entry, act) {
  const el = make("li", { class: "message" });
  el.classList.toggle("own", entry.own);
  el.classList.toggle("private", Boolean(entry.private));
  const head = make("p", { class: "head" },
    make("span", { class: "author" }, entry.own ? "You" : entry.from));
  const stamp = make("time", { class: "stamp" });
  if (entry.own) {
    entry.footStamp = stamp;
  } else {
    head.append(stamp);
  }
  entry.el = el;
  entry.bubble = make("div", { class: "bubble" });
  entry.foot = make("div", { class: "foot" });
  entry.stamp = stamp;
  if (entry.image) {
    entry.bubble.classList.add("picture");
  } else {
    entry.bubble.append(...withLinks(entry.text));
  }
  el.append(avatar(entry.from), head, entry.bubble, entry.foot);
  paintMessage(entry, act);
  return el;
}

// paintMessage brings the li up to date with what is known of its entry.
export function paintMessage(entry, act) {
  const at = new Date(entry.at);
  entry.stamp.dateTime = at.toISOString();
  entry.stamp.textContent = clock.format(at);
  entry.stamp.title = fullDate.format(at);
  if (entry.state) {
    entry.el.dataset.state = entry.state;
  }
  if (entry.image) {
    paintPicture(entry, act);
  }
  const foot = [];
  if (entry.private) {
    foot.push(make("span", { class: "lock" }, icon("lock"),
      entry.own ? `Private to ${entry.private}` : "Private to you"));
  }
  if (entry.own) {
    foot.push(entry.stamp);
    foot.push(make("span", { class: "state" }, entry.error ? `${STATES[entry.state]}: ${entry.error}` : STATES[entry.state]));
    if (entry.state === "failed") {
      const again = make("button", { type: "button" }, "Try again");
      again.addEventListener("click", () => act.again(entry));
      foot.push(again);
    }
  }
  entry.foot.replaceChildren(...foot);
}

function paintPicture(entry, act) {
  if (!entry.image.blob) {
    entry.bubble.replaceChildren(make("span", { class: "waiting" }, entry.image.gone ?? "Loading the picture…"));
    return;
  }
  if (entry.image.url) {
    return; // shown already
  }
  entry.image.url = URL.createObjectURL(entry.image.blob);
  const button = make("button", { type: "button", "aria-label": `Open ${entry.image.name}` },
    make("img", { src: entry.image.url, alt: entry.image.name }));
  button.firstChild.addEventListener("load", act.grown);
  button.addEventListener("click", () => act.open(entry));
  entry.bubble.replaceChildren(button);
}

export function noticeItem(text) {
  return make("li", { class: "notice" }, text);
}

// dayItem returns the line between two days, or null when entry continues one.
export function dayItem(before, entry) {
  const day = new Date(entry.at).toDateString();
  const last = before ? new Date(before.at).toDateString() : new Date().toDateString();
  return day === last ? null : make("li", { class: "day" }, longDate.format(new Date(entry.at)));
}

// follows tells whether entry can stand under before without a head of its own.
export function follows(before, entry) {
  return Boolean(before?.el && entry.el) && !before.notice && before.from === entry.from && before.own === entry.own &&
    before.private === entry.private && entry.at - before.at < TOGETHER;
}
