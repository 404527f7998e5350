// Opens a page of our server for each build of the client, in headless Chromium: the page loads the build from the
// server, connects and exchanges messages. Prints one JSON line for each page. Arguments: path of Chromium, base URL
// of the server, where example.org is this machine and any certificate will do, and the names of the builds.
import { chromium } from "playwright-core";

const [executablePath, url, ...builds] = process.argv.slice(2);

const browser = await chromium.launch({
  executablePath,
  args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--host-resolver-rules=MAP example.org 127.0.0.1"],
});

for (const name of builds) {
  const line = { name };
  try {
    const page = await browser.newPage({ ignoreHTTPSErrors: true });
    page.setDefaultTimeout(30_000);
    const faults = [];
    page.on("pageerror", (err) => faults.push(String(err)));
    await page.goto(`${url}/socket.io/page/${name}`);
    await page.waitForFunction(() => globalThis.outcome !== undefined);
    line.result = [...await page.evaluate(() => globalThis.outcome), faults];
    await page.close();
  } catch (err) {
    line.error = String(err.stack ?? err);
  }
  console.log(JSON.stringify(line));
}
await browser.close();
