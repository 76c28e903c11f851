// Headless Chromium with the host in it, driven by JSON lines: one command in, one answer out.
// Usage: node driver.mjs CHROMIUM SERVER_URL; it ends with its stdin.
import { createServer, request } from "node:http";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import puppeteer from "puppeteer-core";

const [chromium, server] = process.argv.slice(2);
const here = fileURLToPath(new URL(".", import.meta.url));
const { outputFiles } = await build({ entryPoints: [`${here}host.js`], bundle: true, format: "iife", write: false, logLevel: "error" });
const PAGE = `<!doctype html><meta charset="utf-8"><title>host</title><link rel="icon" href="data:,"><style>body{margin:0}iframe{width:100%;height:200px;border:0;display:block}</style><script>${outputFiles[0].text.replaceAll("</script", "<\\/script")}</script>`;
// What a host must enforce for a view that declares no domains, after the MCP Apps specification of 2026-01-26.
const POLICY = "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; media-src 'self' data:; connect-src 'none'";

let view = "";
const page = createServer((asked, answer) => {
  if (asked.url === "/mcp") {   // the server's own port, as the page's origin: browsers allow no other
    const { origin: _origin, referer: _referer, ...headers } = asked.headers;
    const passed = request(new URL("/mcp", server), { method: asked.method, headers: { ...headers, host: new URL(server).host } }, (got) => {
      answer.writeHead(got.statusCode, got.headers);
      got.pipe(answer);
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  } else if (asked.url === "/view") {
    const parts = [];
    asked.on("data", (part) => parts.push(part)).on("end", () => { view = Buffer.concat(parts).toString(); answer.end(); });
  } else answer.setHeader("content-type", "text/html").end(PAGE);
});
const sandbox = createServer((_, answer) => answer.setHeader("content-type", "text/html; charset=utf-8").setHeader("content-security-policy", POLICY).end(view));
const listening = (s) => new Promise((resolve) => s.listen(0, "127.0.0.1", () => resolve(`http://127.0.0.1:${s.address().port}/`)));
const [home, sandboxed] = [await listening(page), await listening(sandbox)];

const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: ["--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"] });
const tab = await browser.newPage();
const complaints = [];
tab.on("console", (m) => { if (["error", "warn", "warning"].includes(m.type())) complaints.push(`${m.type()}: ${m.text()}`); });
tab.on("pageerror", (e) => complaints.push(`page error: ${e.message}`));
const requests = [];
tab.on("request", (r) => requests.push(r.url()));
const frame = () => tab.frames().find((f) => f.url().startsWith(sandboxed)) ?? tab.mainFrame();

const DOES = {
  size: ({ width, height }) => tab.setViewport({ width, height }),
  theme: ({ scheme }) => tab.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]),
  open: async (asked) => {
    complaints.length = requests.length = 0;
    await tab.goto(home);
    return tab.evaluate((a) => window.openTool(a), { ...asked, sandbox: sandboxed });
  },
  goto: ({ url }) => tab.goto(url).then(() => null),
  wait: ({ js }) => frame().waitForFunction(js, { timeout: 100_000 }).then(() => null),
  view: ({ js }) => frame().evaluate(js),
  host: ({ js }) => tab.evaluate(js),
  press: ({ keys }) => keys.reduce((done, key) => done.then(() => tab.keyboard.press(key)), Promise.resolve()).then(() => null),
  click: ({ selector }) => frame().click(selector).then(() => null),
  type: ({ text }) => tab.keyboard.type(text).then(() => null),
  shot: ({ path }) => tab.screenshot({ path, fullPage: true }).then(() => null),
  complaints: () => complaints,
  requests: () => requests.filter((url) => !url.startsWith(home) && !url.startsWith(sandboxed) && !url.startsWith("data:")),
};
for await (const line of createInterface({ input: process.stdin })) {
  const { does, ...asked } = JSON.parse(line);
  try {
    console.log(JSON.stringify({ said: (await DOES[does](asked)) ?? null }));
  } catch (error) {
    console.log(JSON.stringify({ wrong: String(error?.message ?? error) }));
  }
}
await browser.close();
process.exit(0);
