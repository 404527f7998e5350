// The indicator: how the page is connected, in the top line and the banner.
import { $ } from "./view.js";

const SPARKS = 24; // latency samples in the little chart
const BACK = 2500; // ms that "Back again" stays

const samples = [];
let wasConnected = false;

export function showState(state, { attempt, seconds, network }) {
  const pill = $("status");
  if (pill.textContent !== state) {
    pill.textContent = state;
  }
  pill.dataset.state = state;
  if (state === "connected") {
    if (wasConnected && !$("banner").hidden) {
      banner("back", "Back again.");
      setTimeout(() => {
        $("banner").hidden ||= $("banner").dataset.state === "back";
      }, BACK);
    } else {
      $("banner").hidden = true;
    }
    wasConnected = true;
  } else {
    $("transport").textContent = "–";
    $("latency-text").textContent = "– ms";
    if (attempt > 0) {
      const what = network ? "The connection is lost." : "This device seems to be offline.";
      const when = seconds > 0 ? `Trying again in ${seconds} s` : "Trying again";
      banner(state === "offline" ? "offline" : "reconnecting", `${what} ${when} (attempt ${attempt}).`, "Try now");
    }
  }
}

export function showTransport(name, switched) {
  const pill = $("transport");
  pill.textContent = name;
  pill.title = switched ? `Started with polling, switched to ${name}` : `This page talks to the server over ${name}`;
  pill.classList.toggle("switched", switched);
}

// banner shows a line below the top; action is the text of its button, if any.
export function banner(state, text, action) {
  const el = $("banner");
  el.hidden = false;
  el.dataset.state = state;
  if ($("banner-text").textContent !== text) {
    $("banner-text").textContent = text;
  }
  $("retry-now").hidden = !action;
  $("retry-now").textContent = action ?? "";
}

export function showLatency(ms) {
  samples.push(ms);
  samples.splice(0, Math.max(0, samples.length - SPARKS));
  $("latency-text").textContent = `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`;
  const top = Math.max(...samples, 1);
  $("spark").setAttribute("points", samples.map((v, i) =>
    `${(60 * (SPARKS - samples.length + i) / (SPARKS - 1)).toFixed(1)},${(17 - 15 * v / top).toFixed(1)}`).join(" "));
}
