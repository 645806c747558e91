/** Question 6: a name that is a path, beside one that is a number. */
import { scenario } from "../scenario.ts";

export default scenario({
  question: "Why does MySQL just work in jails, while PostgreSQL collides?",
  jails: { www: {}, shop: {} },
  async run({ www, shop, host }) {
    await www.mysqld();
    await shop.mysqld();
    await www.mysql("SELECT @@hostname");
    await shop.mysql("SELECT @@hostname");
    await host.mysql("SELECT @@hostname");
    const fd = await host.socket(1, 1);
    await host.connect(fd, "/jails/www/tmp/mysql.sock");

    const first = await www.postgres();
    await shop.postgres();
    await first.works();
    await www.mysql("SELECT @@hostname");
  },
});
