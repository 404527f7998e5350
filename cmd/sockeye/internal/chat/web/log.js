// The log: what was said in each room while this page was open, and its list.
import { dayItem, follows, messageItem, noticeItem, paintMessage } from "./view.js";

const KEPT = 300; // entries a room
const NEAR = 80; // px from the end that still count as "at the end"

export class Log {
  #rooms = new Map(); // name -> entries, oldest first
  #room = "";
  #unseen = 0;

  // parts: list, scroller, jump (elements); act: open, again (see view.js);
  // unread(n) is told how many messages wait to be seen.
  constructor(parts, act, unread) {
    this.parts = parts;
    this.act = { ...act, grown: () => this.#follow() };
    this.unread = unread;
    this.atEnd = true;
    let last = 0;
    parts.scroller.addEventListener("scroll", () => {
      const { scrollHeight, scrollTop, clientHeight } = parts.scroller;
      if (scrollHeight - scrollTop - clientHeight < NEAR) {
        this.atEnd = true;
      } else if (scrollTop < last) {
        this.atEnd = false; // only going up leaves the end: a list that grew does not
      }
      last = scrollTop;
      this.#seen();
    });
    parts.jump.addEventListener("click", () => this.toEnd());
    document.addEventListener("visibilitychange", () => this.#seen());
    new ResizeObserver(() => this.#follow()).observe(parts.scroller);
  }

  entries(room) {
    if (!this.#rooms.has(room)) {
      this.#rooms.set(room, []);
    }
    return this.#rooms.get(room);
  }

  // open shows a room from its first entry on.
  open(room) {
    this.#room = room;
    this.#draw();
    this.toEnd();
  }

  // add appends an entry; those of others count as unread until they are seen.
  add(room, entry) {
    const entries = this.entries(room);
    const before = entries.at(-1);
    entries.push(entry);
    if (entries.length > KEPT) {
      const [old] = entries.splice(0, 1);
      old.el?.remove();
      forget(old);
    }
    if (room !== this.#room) {
      return;
    }
    this.#append(before, entry);
    if (!entry.notice && !entry.own && (document.hidden || !this.atEnd)) {
      this.#unseen += 1;
    }
    if (entry.own) {
      this.toEnd();
    } else {
      this.#follow();
    }
    this.#seen();
  }

  notice(room, text, at) {
    this.add(room, { notice: true, text, at });
  }

  // merge puts the server's history into what is there: what is known already
  // stays, what was missed gets its place, what still waits to be sent stays last.
  merge(room, history) {
    const entries = this.entries(room);
    const known = new Set(entries.flatMap((e) => [e.id, e.nonce]).filter(Boolean));
    const missed = history.filter((e) => !known.has(e.id) && !(e.nonce && known.has(e.nonce)));
    const waiting = entries.filter((e) => e.own && !e.id);
    const rest = [...entries.filter((e) => !waiting.includes(e)), ...missed];
    rest.sort((a, b) => a.at - b.at);
    const all = [...rest, ...waiting];
    all.splice(0, Math.max(0, all.length - KEPT)).forEach(forget);
    this.#rooms.set(room, all);
    if (room === this.#room && missed.length > 0) {
      this.#draw();
      this.#follow();
    }
    return missed;
  }

  // has reports whether a message with this nonce is in one of the rooms.
  has(nonce) {
    return [...this.#rooms.values()].some((entries) => entries.some((e) => e.nonce === nonce));
  }

  paint(entry) {
    if (entry.el) {
      paintMessage(entry, this.act);
      this.#follow();
    }
  }

  clear() {
    for (const entries of this.#rooms.values()) {
      entries.forEach(forget);
    }
    this.#rooms.clear();
    this.#draw();
  }

  toEnd() {
    this.atEnd = true;
    this.#follow();
    this.#seen();
  }

  #follow() {
    if (this.atEnd) {
      this.parts.scroller.scrollTop = this.parts.scroller.scrollHeight;
    }
  }

  #seen() {
    if (!document.hidden && this.atEnd) {
      this.#unseen = 0;
    }
    this.parts.jump.hidden = this.atEnd || this.#unseen === 0;
    this.unread(this.#unseen);
  }

  #draw() {
    this.parts.list.replaceChildren();
    let before;
    for (const entry of this.entries(this.#room)) {
      this.#append(before, entry);
      before = entry;
    }
  }

  #append(before, entry) {
    entry.el ??= entry.notice ? noticeItem(entry.text) : messageItem(entry, this.act);
    const day = dayItem(before, entry);
    if (day) {
      this.parts.list.append(day);
    }
    entry.el.classList.toggle("follows", !day && follows(before, entry));
    this.parts.list.append(entry.el);
  }
}

function forget(entry) {
  if (entry.image?.url) {
    URL.revokeObjectURL(entry.image.url);
  }
}
