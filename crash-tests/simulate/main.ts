import { drawScript } from './script.ts';
import { play } from './play.ts';
const from = Number(process.argv[2] ?? 1), count = Number(process.argv[3] ?? 100);
let steps = 0, grants = 0; const t = performance.now(); let bad = 0;
const kinds: Record<string, number> = {};
for (let seed = from; seed < from + count; seed++) {
  const r = play(drawScript(seed), undefined, process.argv[4] ? { trace: (l) => console.log(l()) } : {});
  steps += r.steps; grants += r.grants;
  const v = r.violations[0];
  if (v) { bad++; kinds[v.invariant] = (kinds[v.invariant] ?? 0) + 1; if (bad < 15) console.log(seed, v.invariant, v.what.slice(0, 300)); }
}
console.log({ steps, grants, bad, kinds, rate: steps / (performance.now() - t) * 1000 });
