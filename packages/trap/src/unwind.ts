/** How a program's stack is left when its process ends or becomes another program. */

/** p.exit(status). */
export class ProcessExit extends Error {
  override readonly name = "ProcessExit";
  readonly status: number;
  constructor(status: number) {
    super(`exit(${status})`);
    this.status = status;
  }
}

/** The process was killed; there is nobody to return to. */
export class ProcessEnded extends Error {
  override readonly name = "ProcessEnded";
  constructor() {
    super("the process has ended");
  }
}

/** p.exec(child): the stack goes, the process stays. */
export class ProcessExec extends Error {
  override readonly name = "ProcessExec";
  readonly child: unknown;
  readonly arg: unknown;
  constructor(child: unknown, arg: unknown) {
    super("exec");
    this.child = child;
    this.arg = arg;
  }
}
