// The page: joins, speaks, shows. Who said what and when comes from the server;
// what has not reached it yet waits in the outbox and says so.
import { open } from "./connection.js";
import { fit, listen } from "./images.js";
import { banner, showLatency, showState, showTransport } from "./indicator.js";
import { Log } from "./log.js";
import { $, avatar, icon, make, paintAvatar, size } from "./view.js";

const TYPING_AGAIN = 2000; // ms between two "is typing" while keys are pressed
const TYPING_GONE = 4000; // ms after which "is typing" is not believed any more
const COUNT_FROM = 100; // characters left from which on they are counted down
const LOBBY = "lobby"; // the room of those who did not ask for one
const NOTE = "Enter sends · Shift+Enter starts a line · Alt+↑ and Alt+↓ change the room";

const store = {
  get(area, key) {
    try {
      return area().getItem(key);
    } catch {
      return null; // storage is switched off
    }
  },
  set(area, key, value) {
    try {
      area().setItem(key, value);
    } catch {
      // Storage is switched off: remembered until the page goes.
    }
  },
};
const local = () => localStorage;
const tab = () => sessionStorage;

const random = () => [...crypto.getRandomValues(new Uint8Array(16))].map((b) => b.toString(16).padStart(2, "0")).join("");

// token proves to the server that a second connection is this tab again.
const token = store.get(tab, "token") ?? random();
store.set(tab, "token", token);

let me = null; // { id, name } while in the chat
let wish = ""; // the name to join with as soon as there is a connection
let joined = false; // the server has accepted the name on this connection
let boot = ""; // tells one run of the server from the next
let skew = 0; // ms that the server's clock is ahead
let limits = { name: 24, text: 2000, room: 24, image: 500000 };
let room = "";
let rooms = [];
let people = [];
let privateTo = null; // a person, while the composer writes to one
const outbox = [];
const typists = new Map(); // name -> timer

const now = () => Date.now() + skew;

// ---- Connection -----------------------------------------------------------

const server = document.querySelector('meta[name="socketio"]');
const net = open(server.content, server.dataset.transports.split(" "), {
  up() {
    if (me) {
      hello(me.name, room);
    } else if (wish) {
      hello(wish, roomOfLink());
    }
  },
  down(reason) {
    joined = false;
    if (reason === "io server disconnect") {
      banner("offline", "This chat goes on in another tab.", "Use it here");
    }
  },
  state: showState,
  transport: showTransport,
  latency: showLatency,
});
$("retry-now").addEventListener("click", () => net.retryNow());

// ---- Joining and leaving ----------------------------------------------------

// hello takes up a name, or takes it up again after a reconnection, and goes to
// the room that was wanted.
async function hello(name, wanted) {
  let welcome;
  try {
    welcome = await net.ask("hello", { name, token });
  } catch (err) {
    if (err.code !== "lost") {
      goOut();
      $("join-error").textContent = err.message;
    } else if (!me && net.connected()) {
      $("join-error").textContent = `${err.message} Please try again.`;
    }
    return; // the next connection says hello again
  }
  me = welcome.you;
  wish = "";
  limits = welcome.limits;
  skew = welcome.now - Date.now();
  const restarted = boot && boot !== welcome.boot;
  boot = welcome.boot;
  store.set(local, "name", me.name);
  $("my-name").textContent = me.name;
  paintAvatar($("my-avatar"), me.name);
  $("composer-note").textContent = `${NOTE} · Pictures up to ${size(limits.image)}`;
  try {
    await net.ask("enter", { room: wanted || LOBBY }).catch((err) => {
      if (err.code === "lost") {
        throw err;
      }
      return net.ask("enter", { room: LOBBY }); // a link to a room that cannot be
    });
  } catch {
    return; // the connection went meanwhile
  }
  if (restarted) {
    log.notice(room, "The server was restarted. What it forgot stays here until you close this page.", now());
  }
  flush();
}

function goOut() {
  me = null;
  wish = "";
  joined = false;
  room = "";
  boot = "";
  delete document.body.dataset.joined;
  outbox.length = 0;
  writeTo(null);
  log.clear();
  closePanels();
  $("chat").hidden = true;
  $("join").hidden = false;
  title(0);
  $("name").focus();
}

$("name").value = store.get(local, "name") ?? "";
$("name").focus();
$("join-form").addEventListener("submit", (e) => {
  e.preventDefault();
  const name = $("name").value.trim();
  $("join-error").textContent = "";
  if (!name) {
    $("join-error").textContent = "Please enter a name.";
    $("name").focus();
    return;
  }
  wish = name;
  if (net.connected()) {
    hello(wish, roomOfLink());
  } else {
    $("join-error").textContent = "You are in as soon as there is a connection.";
  }
});

// roomOfLink returns the room that the page's address names, if any.
function roomOfLink() {
  try {
    return decodeURIComponent(location.hash.slice(1));
  } catch {
    return ""; // a broken escape sequence
  }
}
$("leave").addEventListener("click", () => {
  net.ask("leave", {}).catch(() => {}); // without a connection the server has noticed already
  goOut();
});

// ---- Rooms and people -------------------------------------------------------

function showRooms(list) {
  rooms = list;
  $("rooms").replaceChildren(...rooms.map((r) => {
    const button = make("button", {
      type: "button", "data-testid": `room-${r.name}`, "aria-current": r.name === room ? "true" : undefined,
    }, make("span", null, `# ${r.name}`), make("span", { class: "number" }, r.people ? String(r.people) : "",
      make("span", { class: "hidden-label" }, r.people ? " here" : "nobody here")));
    button.addEventListener("click", () => changeRoom(r.name));
    return make("li", null, button);
  }));
  const total = rooms.reduce((sum, r) => sum + r.people, 0);
  $("online").textContent = total ? `${total} ${total === 1 ? "person is" : "people are"} here now.` : "Nobody is here yet.";
}

// enterRoom shows a room as the server describes it to those who enter. It is an
// event, not an acknowledgement, so it stands in line with what happens there.
function enterRoom(snapshot) {
  const changed = room !== snapshot.name;
  room = snapshot.name;
  joined = true;
  history.replaceState(null, "", `#${encodeURIComponent(room)}`);
  $("room-title").textContent = `# ${room}`;
  const missed = log.merge(room, snapshot.history.map(fromServer));
  if (changed || !$("messages").firstChild) {
    log.open(room);
  }
  forgetTypists();
  showPeople(snapshot.people);
  showRooms(rooms);
  if ($("chat").hidden) {
    $("join-error").textContent = "";
    document.body.dataset.joined = "";
    $("join").hidden = true;
    $("chat").hidden = false;
    log.toEnd();
    $("message").focus();
  }
  fetchPictures(missed);
}
net.on("room", enterRoom);

async function changeRoom(name) {
  closePanels();
  if (name === room) {
    $("message").focus();
    return true;
  }
  stopTyping();
  try {
    await net.ask("enter", { room: name });
    $("room-error").textContent = "";
    $("message").focus();
    return true;
  } catch (err) {
    $("room-error").textContent = err.code === "lost" ? "Rooms can be changed when the connection is back." : err.message;
    return false;
  }
}

$("new-room-form").addEventListener("submit", async (e) => {
  e.preventDefault();
  const name = $("new-room").value.trim().replace(/^#\s*/, "");
  if (name && await changeRoom(name)) {
    $("new-room").value = "";
  }
});

function showPeople(list) {
  people = list;
  const sorted = [...people].sort((a, b) => (b.id === me.id) - (a.id === me.id) || a.name.localeCompare(b.name));
  $("people").replaceChildren(...sorted.map((p) => {
    const self = p.id === me.id;
    const li = make("li", { "data-name": p.name }, avatar(p.name),
      make("span", { class: "who" }, p.name, self ? make("span", { class: "you" }, " (you)") : null));
    if (!self) {
      const button = make("button", {
        type: "button", class: "icon-button", "data-testid": "private-button", title: "Write a private message",
        "aria-label": `Write a private message to ${p.name}`,
      }, icon("lock"));
      button.addEventListener("click", () => writeTo(p));
      li.append(button);
    }
    return li;
  }));
  $("people-count").textContent = people.length;
  $("people-button-count").textContent = people.length;
  $("room-about").textContent = people.length === 1 ? "only you" : `${people.length} people`;
}

net.on("rooms", showRooms);
net.on("joined", (e) => {
  if (joined && e.room === room) {
    showPeople([...people.filter((p) => p.id !== e.person.id), e.person]);
    log.notice(room, `${e.person.name} came in`, now());
  }
});
net.on("left", (e) => {
  if (joined && e.room === room) {
    typing(e.person.name, false);
    showPeople(people.filter((p) => p.id !== e.person.id));
    log.notice(room, `${e.person.name} went away`, now());
  }
});

// ---- Messages ---------------------------------------------------------------

const log = new Log({ list: $("messages"), scroller: $("scroller"), jump: $("jump") }, {
  again(entry) {
    entry.error = "";
    post(entry);
  },
  open(entry) {
    $("lightbox-image").src = entry.image.url;
    $("lightbox-image").alt = entry.image.name;
    $("lightbox-name").textContent = `${entry.image.name} · ${size(entry.image.size)} · ${entry.own ? "you" : entry.from}`;
    $("lightbox").showModal();
  },
}, title);

function title(unread) {
  document.title = `${unread ? `(${unread}) ` : ""}${me ? `#${room} · ` : ""}Sockeye chat`;
}

// fromServer makes an entry of the log from a message as the server sends it.
function fromServer(m) {
  const own = m.from.id === me.id;
  const entry = { id: m.id, nonce: m.nonce, at: m.at, from: m.from.name, own, text: m.text };
  if (own) {
    entry.state = "sent";
  }
  if (m.image) {
    entry.image = { ...m.image, blob: m.image.data ? new Blob([m.image.data], { type: m.image.type }) : null };
  }
  return entry;
}

net.on("message", (m) => {
  if (joined) {
    typing(m.from.name, false);
    log.add(m.room, fromServer(m));
  }
});
net.on("private", (m, delivered) => {
  if (joined) {
    if (!log.has(m.nonce)) { // the sender may not have heard that it came
      log.add(room, { ...fromServer(m), private: me.name });
    }
    delivered({});
  }
});

// fetchPictures asks for the pictures of the history, the newest first and one
// at a time, so that they never stand in the way of what is said now.
async function fetchPictures(entries) {
  for (const entry of entries.filter((e) => e.image && !e.image.blob).reverse()) {
    try {
      const { data } = await net.ask("picture", { id: entry.id });
      entry.image.blob = new Blob([data], { type: entry.image.type });
    } catch (err) {
      entry.image.gone = err.code === "lost" ? "The picture did not arrive." : "The server has let this picture go.";
    }
    log.paint(entry);
  }
}

// post puts a message of ours into the outbox and sends it as soon as it can.
function post(entry) {
  entry.state = "queued";
  outbox.push(entry);
  if (entry.el) {
    log.paint(entry);
  } else {
    log.add(entry.room, entry);
  }
  flush();
}

function flush() {
  if (joined) {
    outbox.filter((e) => e.state === "queued").forEach(deliver);
  }
}

// deliver sends one message. The nonce lets the server recognize a second
// attempt, so an answer that was lost does not double the message.
async function deliver(entry) {
  entry.state = "sending";
  log.paint(entry);
  try {
    const receipt = await ask(entry);
    entry.id = receipt.id;
    entry.at = receipt.at;
    entry.state = entry.private ? "delivered" : "sent";
  } catch (err) {
    if (err.code === "lost" && !(joined && net.connected())) {
      entry.state = "queued"; // stays in the outbox for the next connection
      log.paint(entry);
      return;
    }
    entry.state = "failed";
    entry.error = err.message;
  }
  outbox.splice(outbox.indexOf(entry), 1);
  log.paint(entry);
}

async function ask(entry) {
  if (entry.image) {
    const data = await entry.image.blob.arrayBuffer();
    return net.ask("image", { room: entry.room, nonce: entry.nonce, name: entry.image.name, type: entry.image.type, data });
  }
  if (entry.private) {
    return net.ask("private", { to: entry.to, nonce: entry.nonce, text: entry.text });
  }
  return net.ask("say", { room: entry.room, nonce: entry.nonce, text: entry.text });
}

// ---- Composer ---------------------------------------------------------------

const box = $("message");

function writeTo(person) {
  privateTo = person;
  $("private-chip").hidden = !person;
  $("private-name").textContent = person?.name ?? "";
  $("composer").toggleAttribute("data-private", Boolean(person));
  box.placeholder = person ? `Private message to ${person.name}` : "Message";
  closePanels();
  box.focus();
}
$("private-cancel").addEventListener("click", () => writeTo(null));

function measureBox() {
  box.style.height = "auto";
  box.style.height = `${box.scrollHeight}px`;
  const left = limits.text - [...box.value].length;
  $("left").textContent = left <= COUNT_FROM ? String(left) : "";
  $("left").toggleAttribute("data-over", left < 0);
}

$("composer").addEventListener("submit", (e) => {
  e.preventDefault();
  const text = box.value.trim();
  if (!text) {
    return;
  }
  const over = [...text].length - limits.text;
  if (over > 0) {
    complain(`This message is ${over} ${over === 1 ? "character" : "characters"} too long.`);
    return;
  }
  complain("");
  stopTyping();
  box.value = "";
  measureBox();
  post({
    nonce: random(), at: now(), from: me.name, own: true, room, text, private: privateTo?.name, to: privateTo?.id,
  });
});

async function sendPicture(file) {
  if (!me) {
    return;
  }
  if (privateTo) {
    complain("Pictures go to the whole room: leave the private message first.");
    return;
  }
  const target = room;
  complain("");
  let blob;
  try {
    blob = await fit(file, limits.image, size);
  } catch (err) {
    complain(err.message);
    return;
  }
  const name = [...file.name].slice(0, 80).join("");
  post({
    nonce: random(), at: now(), from: me.name, own: true, room: target, text: "",
    image: { name, type: blob.type, size: blob.size, blob },
  });
}
listen($("image-input"), document.querySelector(".conversation"), $("drop"), sendPicture);

function complain(text) {
  $("composer-error").textContent = text;
}

// ---- Typing -----------------------------------------------------------------

let toldTyping = 0;

box.addEventListener("input", () => {
  measureBox();
  complain("");
  if (!box.value || privateTo) {
    stopTyping(); // who is written to in private is nobody else's business
  } else if (performance.now() - toldTyping > TYPING_AGAIN || toldTyping === 0) {
    toldTyping = performance.now();
    net.tell("typing", true);
  }
});

function stopTyping() {
  if (toldTyping) {
    toldTyping = 0;
    net.tell("typing", false);
  }
}

function typing(name, on) {
  clearTimeout(typists.get(name));
  typists.delete(name);
  if (on) {
    typists.set(name, setTimeout(() => typing(name, false), TYPING_GONE));
  }
  const names = [...typists.keys()];
  const who = names.length > 3 ? "Several people are" : names.length > 1
    ? `${names.slice(0, -1).join(", ")} and ${names.at(-1)} are` : `${names[0]} is`;
  $("typing").textContent = names.length ? `${who} typing` : "";
}

function forgetTypists() {
  for (const name of [...typists.keys()]) {
    typing(name, false);
  }
}
net.on("typing", (e) => joined && typing(e.name, e.on));

// ---- Keys, panels, theme ----------------------------------------------------

box.addEventListener("keydown", (e) => {
  if (e.key === "Enter" && !e.shiftKey && !e.isComposing) {
    e.preventDefault();
    $("composer").requestSubmit();
  }
});
document.addEventListener("keydown", (e) => {
  if (e.key === "Escape" && !$("lightbox").open) {
    if (!closePanels() && privateTo) {
      writeTo(null);
    }
  }
  if (me && e.altKey && (e.key === "ArrowUp" || e.key === "ArrowDown")) {
    e.preventDefault();
    const i = rooms.findIndex((r) => r.name === room) + (e.key === "ArrowUp" ? -1 : 1);
    changeRoom(rooms.at(i % rooms.length).name);
  }
});

const panels = [["rooms-button", "rooms-panel"], ["people-button", "people-panel"]];
for (const [button, panel] of panels) {
  $(button).addEventListener("click", () => {
    const opening = !("open" in $(panel).dataset);
    closePanels();
    if (opening) {
      $(panel).dataset.open = "";
      $(button).setAttribute("aria-expanded", "true");
      $("scrim").hidden = false;
      $(panel).querySelector("button, input")?.focus();
    }
  });
}
$("scrim").addEventListener("click", closePanels);

// closePanels tells whether one was open; focus goes back to its button.
function closePanels() {
  let closed = false;
  for (const [button, panel] of panels) {
    if ("open" in $(panel).dataset) {
      delete $(panel).dataset.open;
      $(button).setAttribute("aria-expanded", "false");
      $(button).focus();
      closed = true;
    }
  }
  $("scrim").hidden = true;
  return closed;
}

$("theme-toggle").addEventListener("click", () => {
  const root = document.documentElement;
  const system = matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light";
  root.dataset.theme = (root.dataset.theme ?? system) === "dark" ? "light" : "dark";
  store.set(local, "theme", root.dataset.theme);
});
