/** Manual pages in Markdown, made of their data and of what their examples print in a yard. */
import type { Yard } from "@jailyard/host/yard";
import type { ToolName } from "@jailyard/tools/names";
import { ABSENT, type Page, shellWord, YARD_OPTIONS } from "@jailyard/tools/page";
import { tool } from "../../packages/cli/src/toolrun.ts";
import { quiet, until } from "./yard.ts";

const STAGE = new URL("../tools/programs/stage.ts", import.meta.url);
const POSTGRES = 70;

/** Two jails with name spaces of their own: a server in `web`; in `db` one waits for the other. */
export async function stage(model: Page["model"] = undefined): Promise<Yard> {
  const yard = await quiet({ racct: true, ...(model && { model }) });
  const spaces = { sysvmsg: "new", sysvsem: "new", sysvshm: "new" };
  for (const name of ["web", "db"]) {
    await yard.jail({
      name,
      "host.hostname": `${name}.example.org`,
      path: `/jails/${name}`,
      ...spaces,
    });
  }
  await enter(yard, "web", "postgres");
  await enter(yard, "db", "holder");
  await enter(yard, "db", "waiter");
  return yard;
}

/** Start an entry of the stage, and wait until it has come to rest. */
async function enter(yard: Yard, jail: string, entry: string): Promise<void> {
  const owner = { uid: POSTGRES, gid: POSTGRES };
  const process = await yard.jails.get(jail)!.spawn({ module: STAGE, args: [entry], ...owner });
  const { pid } = process;
  if (entry !== "waiter") await new Promise((resolve) => process.on("record", resolve));
  else
    await until(async () =>
      (await yard.control.processes()).some((one) => one.pid === pid && one.asleep),
    );
}

/** The page, with what its examples print one after the other in `yard`. */
export async function manpage(page: Page, yard: Yard): Promise<string> {
  const { name, section, about, synopsis, description, options, exit, see } = page;
  const option = ([words, text]: readonly [string, string]): string => `- \`${words}\`: ${text}`;
  const examples: string[] = [];
  for (const { about: why, argv } of page.examples) examples.push(await example(yard, why, argv));
  return `# ${name}(${section})

${name} — ${about}

## SYNOPSIS

\`\`\`
${synopsis.map((line) => `jailyard ${name} ${line}`).join("\n")}
\`\`\`

## DESCRIPTION

${description.join("\n\n")}

## OPTIONS

${options.map(option).join("\n")}

Of every tool:

${YARD_OPTIONS.map(option).join("\n")}

## EXIT STATUS

${exit}; ${ABSENT}.

## EXAMPLES

Two jails, \`web\` and \`db\`, have name spaces of their own${under(page)}. The commands follow one another.

${examples.join("\n")}
## SEE ALSO

${see.map(link).join(", ")}
`;
}

const under = ({ model }: Page): string => (model === undefined ? "" : `, in model ${model}`);

const link = (text: string): string => `[${text}](${text.replace(/\((\d)\)/, ".$1")}.md)`;

async function example(
  yard: Yard,
  why: string,
  [name, ...args]: readonly [ToolName, ...string[]],
): Promise<string> {
  const { status, out, err } = await tool(yard, name, ...args);
  const command = ["jailyard", name, ...args].map(shellWord).join(" ");
  const lines = [...out, ...err].map((line) =>
    line
      .trimEnd()
      .replace(/(?<= )\d+s(?= )/, "0s")
      .replaceAll(/(?<= )[ \d]\d:\d\d:\d\d(?= )/g, " 9:04:11"),
  );
  while (lines.at(-1) === "") lines.pop();
  const told = status === 0 ? "" : `    (exit status ${status})\n`;
  const shown = lines.map((line) => `    ${line}`.trimEnd()).join("\n");
  const heading =
    why === "" ? "" : `${why[0].toUpperCase()}${why.slice(1)}${why.endsWith("?") ? "" : ":"}\n\n`;
  return `${heading}    $ ${command}\n${shown === "" ? "" : `${shown}\n`}${told}`;
}
