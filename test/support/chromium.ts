/** Debian's Chromium, where the machine has it: pages as a reader sees them. */
import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const PLACES = ["/usr/bin/chromium", "/usr/bin/chromium-browser"];
/** Its path; undefined: tests of pages can only look at the text. */
export const CHROMIUM: string | undefined = PLACES.find((path) => existsSync(path));

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: CHROMIUM!, args: ["--no-sandbox"] });

export interface Opened {
  readonly page: Page;
  /** What the console said and what was thrown: nothing, on a page that is well. */
  readonly problems: string[];
  /** Addresses that were asked for other than the page itself. */
  readonly requests: string[];
}

export async function open(
  browser: Browser,
  file: string,
  colorScheme: "light" | "dark" = "light",
): Promise<Opened> {
  const page = await browser.newPage({ colorScheme, viewport: { width: 1280, height: 900 } });
  const opened: Opened = { page, problems: [], requests: [] };
  page.on("console", (message) => opened.problems.push(message.text()));
  page.on("pageerror", ({ message }) => opened.problems.push(message));
  page.on("request", (request) => {
    if (!/^(file|data):/.test(request.url())) opened.requests.push(request.url());
  });
  await page.goto(`file://${file}`);
  return opened;
}
