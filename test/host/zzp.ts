import { program, blocking } from "@jailyard/trap/program";
export default blocking("x", (p) => {
  const id = p.semget(0, 2, 0o600);
  const sops = [[0, 1, 0]] as const; const dn = [[0, -1, 0]] as const;
  p.semop(id, sops);
  p.print(String(p.semctl(id, 0, 5)));
  p.semop(id, dn);
  const up = [[0, 1, 0o10000]] as const; const dnu = [[0, -1, 0o10000]] as const;
  const N = 200000;
  for (let r = 0; r < 5; r++) {
    let t = performance.now();
    for (let i = 0; i < N; i++) { p.semop(id, sops); p.semop(id, dn); }
    const a = (performance.now() - t) * 1e6 / N / 2;
    t = performance.now();
    for (let i = 0; i < N; i++) { p.semop(id, up); p.semop(id, dnu); }
    const b = (performance.now() - t) * 1e6 / N / 2;
    p.print(`semop ${a.toFixed(1)} ns, undo ${b.toFixed(1)} ns`);
  }
  const q = p.msgget(0, 0o600);
  const text = new Uint8Array(64);
  for (let r = 0; r < 3; r++) {
    let t = performance.now();
    for (let i = 0; i < N; i++) { p.msgsnd(q, { mtype: 1, mtext: text }); p.msgrcv(q, 64); }
    p.print(`msg ${((performance.now() - t) * 1e6 / N).toFixed(1)} ns`);
  }
});
