/** Question 6, and where the mail comes from: two PostgreSQL servers of 2006, one port, two jails. */
import { scenario } from "../scenario.ts";

export default scenario({
  question: "Two jails run PostgreSQL 8.1 on port 5432. Do both live?",
  jails: { www: {}, shop: {} },
  async run({ www, shop }) {
    const first = await www.postgres();
    await first.works();
    await shop.postgres();
    await first.works();
  },
});
