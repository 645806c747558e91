/** The scenarios that are shipped, by name, in the order of the mail's questions. */

import type { Scenario } from "./scenario.ts";
import facilityOrIdentity from "./shipped/facility-or-identity.ts";
import hostAndRoot from "./shipped/host-and-root.ts";
import lateLoad from "./shipped/late-load.ts";
import mysqlAndPostgresql from "./shipped/mysql-and-postgresql.ts";
import names from "./shipped/names.ts";
import pg2006Collision from "./shipped/pg-2006-collision.ts";
import threeMechanisms from "./shipped/three-mechanisms.ts";

export const SHIPPED: ReadonlyMap<string, Scenario> = new Map([
  ["late-load", lateLoad],
  ["facility-or-identity", facilityOrIdentity],
  ["three-mechanisms", threeMechanisms],
  ["names", names],
  ["host-and-root", hostAndRoot],
  ["mysql-and-postgresql", mysqlAndPostgresql],
  ["pg-2006-collision", pg2006Collision],
]);
