/** docs/man is what the pages' data and the tools themselves say; `vitest run -u` writes it anew. */
import { readdirSync } from "node:fs";
import { TOOLS, type ToolName } from "@jailyard/tools/names";
import { optionWords, type Page } from "@jailyard/tools/page";
import { describe, expect, test } from "vitest";
import { manpage, stage } from "../support/manpage.ts";
import { tool } from "../support/tool.ts";

const pageOf = async (name: ToolName): Promise<Page> =>
  (await import(`@jailyard/tools/page/${name}`)).page;

describe.each(TOOLS)("%s", (name) => {
  test("its page is the one in docs/man", async () => {
    const page = await pageOf(name);
    const yard = await stage(page.model);
    try {
      const file = `../../docs/man/${name}.${page.section}.md`;
      await expect(await manpage(page, yard)).toMatchFileSnapshot(file);
    } finally {
      await yard.shutdown();
    }
  });

  test("every option of its page is one that it knows", async () => {
    const page = await pageOf(name);
    const yard = await stage(page.model);
    try {
      const own = optionWords(page).filter((word) => !/^--(yard|in|help)$/.test(word));
      for (const option of own) {
        // Without an argument, or with one that is wrong: it may refuse that, but not the option.
        const { err } = await tool(await yard.host, name, option);
        expect(err.join()).not.toMatch(/illegal option|unrecognized option|unknown signal/);
      }
      expect((await tool(await yard.host, name, "--nonsense")).status).toBe(1);
    } finally {
      await yard.shutdown();
    }
  });
});

test("there are no other pages than those of tools", async () => {
  const files = await Promise.all(
    TOOLS.map(async (name) => `${name}.${(await pageOf(name)).section}.md`),
  );
  const found = readdirSync(new URL("../../docs/man", import.meta.url));
  expect(found.filter((file) => file !== "README.md").sort()).toEqual(files.sort());
});
