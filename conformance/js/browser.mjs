// Tells the story of two people in the chat demo, in headless Chromium, and prints one JSON line for each step.
// A step that fails ends the story. Arguments: URL of the demo, URL of the demo through the cutter, URL that
// controls the cutter, URL that restarts the server, path of Chromium, folder for screenshots.
import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const [url, cutURL, cutter, restart, executablePath, shots] = process.argv.slice(2);
const WAIT = 30_000;
mkdirSync(shots, { recursive: true });

const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync"],
});

const faults = []; // what the pages complain about
async function page(address, options) {
  const context = await browser.newContext(options);
  const p = await context.newPage();
  p.setDefaultTimeout(WAIT);
  p.on("pageerror", (err) => faults.push(String(err)));
  await p.goto(address);
  return p;
}

const id = (p, name) => p.getByTestId(name);
const messages = (p, text) => id(p, "messages").locator("li.message", { hasText: text });
const status = (p, state) => id(p, "status").filter({ hasText: state }).waitFor();

async function join(p, name) {
  await id(p, "name-input").fill(name);
  await id(p, "join-button").click();
  await id(p, "message-input").waitFor();
  await status(p, "connected");
}

async function say(p, text) {
  await id(p, "message-input").fill(text);
  await id(p, "send-button").click();
}

// A picture of 2 by 2 points, made in the page so that it is a real PNG.
const picture = (p) =>
  p.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 2;
    canvas.getContext("2d").fillRect(0, 0, 1, 1);
    return canvas.toDataURL("image/png").split(",")[1];
  });

// Makes the page remember that it has noticed the end of a connection, even if it is back at once.
const watch = (p) =>
  p.evaluate(() => {
    const el = document.querySelector("[data-testid=status]");
    window.lost = new Promise((noticed) => {
      const look = () => el.textContent.trim() !== "connected" && noticed(true);
      new MutationObserver(look).observe(el, { childList: true, characterData: true, subtree: true });
    });
  });

let ada, bob, bobContext;
const steps = {
  async "both join and see each other"() {
    ada = await page(url, { viewport: { width: 1280, height: 800 }, colorScheme: "light" });
    bob = await page(cutURL, { viewport: { width: 390, height: 844 }, colorScheme: "dark", isMobile: true, hasTouch: true });
    bobContext = bob.context();
    await join(ada, "Ada");
    await join(bob, "Bob");
    await id(ada, "people").locator("li", { hasText: "Bob" }).waitFor();
    return [await id(ada, "people").locator("li").count()];
  },
  async "both move to WebSocket"() {
    for (const p of [ada, bob]) await id(p, "transport").filter({ hasText: /websocket/i }).waitFor();
    return true;
  },
  async "typing is shown and goes away"() {
    await id(bob, "message-input").pressSequentially("hel");
    await id(ada, "typing").filter({ hasText: "Bob" }).waitFor();
    await id(bob, "send-button").click();
    await messages(ada, "hel").waitFor();
    await id(ada, "typing").filter({ hasText: "Bob" }).waitFor({ state: "detached" });
    return true;
  },
  async "messages go both ways, as text"() {
    await say(ada, "hello <b>Bob</b> & €");
    await messages(bob, "hello <b>Bob</b> & €").waitFor();
    await say(bob, "hello Ada");
    await messages(ada, "hello Ada").waitFor();
    return [await messages(bob, "hello").locator("b", { hasText: /^Bob$/ }).filter({ hasText: "hello" }).count()];
  },
  async "a picture arrives"() {
    const png = Buffer.from(await picture(ada), "base64");
    await id(ada, "image-input").setInputFiles({ name: "points.png", mimeType: "image/png", buffer: png });
    const image = id(bob, "messages").locator("li.message img").last();
    await image.waitFor();
    await bob.waitForFunction(
      () => [...document.querySelectorAll("li.message img")].some((i) => i.complete && i.naturalWidth > 0),
    );
    return await image.evaluate((i) => [i.naturalWidth, i.naturalHeight]);
  },
  async "a private message is delivered"() {
    await id(ada, "people").locator("li", { hasText: "Bob" }).getByTestId("private-button").click();
    await say(ada, "only for Bob");
    await messages(bob, "only for Bob").waitFor();
    await id(ada, "messages").locator('li.message[data-state="delivered"]', { hasText: "only for Bob" }).waitFor();
    await ada.keyboard.press("Escape");
    return true;
  },
  async "screenshots in both themes"() {
    for (const [name, p] of [["desktop", ada], ["phone", bob]]) {
      for (const i of [1, 2]) {
        const theme = await p.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
        await p.screenshot({ path: `${shots}/${name}-${i === 1 ? "given" : "toggled"}-theme.png` });
        await id(p, "theme-toggle").click();
        if (theme === (await p.evaluate(() => getComputedStyle(document.documentElement).colorScheme))) return "no change";
      }
    }
    return true;
  },
  async "one loses the connection and returns"() {
    await fetch(`${cutter}/down`);
    await status(bob, "reconnecting");
    await id(ada, "people").locator("li", { hasText: "Bob" }).waitFor({ state: "detached" });
    await bob.screenshot({ path: `${shots}/phone-reconnecting.png` });
    await fetch(`${cutter}/up`);
    await status(bob, "connected");
    await id(ada, "people").locator("li", { hasText: "Bob" }).waitFor();
    await say(bob, "back again");
    await messages(ada, "back again").waitFor();
    await say(ada, "welcome back");
    await messages(bob, "welcome back").waitFor();
    return true;
  },
  async "the server restarts and the chat goes on"() {
    for (const p of [ada, bob]) await watch(p);
    await fetch(restart);
    for (const p of [ada, bob]) await p.waitForFunction(() => window.lost);
    for (const p of [ada, bob]) await status(p, "connected");
    await id(ada, "people").locator("li", { hasText: "Bob" }).waitFor();
    await say(ada, "after the restart");
    await messages(bob, "after the restart").waitFor();
    await say(bob, "yes, after the restart");
    await messages(ada, "yes, after the restart").waitFor();
    return true;
  },
  async "one leaves and the other is told"() {
    await bobContext.close();
    await id(ada, "people").locator("li", { hasText: "Bob" }).waitFor({ state: "detached" });
    return true;
  },
  async "the pages report no errors"() {
    return faults;
  },
};

for (const [name, run] of Object.entries(steps)) {
  try {
    console.log(JSON.stringify({ name, result: await run() }));
  } catch (err) {
    console.log(JSON.stringify({ name, error: String(err.message).slice(0, 1500) }));
    for (const [who, p] of Object.entries({ ada, bob })) {
      await p?.screenshot({ path: `${shots}/failure-${who}.png` }).catch(() => {});
    }
    break;
  }
}
await browser.close();
