/**
 * One migration or rollback in a process of its own, for tests that kill it. JavaScript, so that it runs from the build
 * without a loader: a start then costs a third.
 */
const [, , root, extension, text] = process.argv;
const from = (name) => import(`${root}src/${name}.${extension}`);
const [{ startMigration }, { rollbackMigration }, { encodeError }] = await Promise.all([
  from('migrate/start-migration'),
  from('migrate/rollback-migration'),
  from('base/errors'),
]);
const [{ openDeltaEnvironment }, { LogView }, { verifySteps }] = await Promise.all([
  from('store/delta-log'),
  from('store/log-view'),
  from('store/verify'),
]);
const { what, home, startedMs } = JSON.parse(text);

/** What the command line does in yet another process. */
async function verifyLog(directory) {
  const environment = openDeltaEnvironment(directory, { writer: true });
  try {
    const steps = verifySteps({ log: new LogView(environment) });
    for (;;) {
      const step = steps.next();
      if (step.done) return step.value;
    }
  } finally {
    await environment.close();
  }
}

function run() {
  if (what === 'rollback') return rollbackMigration({ home });
  const clock = { wallMs: () => startedMs, monotonicMs: () => 0 };
  return startMigration({ home, cwd: home, clock, tools: { tryLmdb: async () => {}, verifyLog } });
}

process.send('begins');
run()
  .then(
    (value) => process.send({ value }),
    (error) => process.send({ error: encodeError(error) }),
  )
  .finally(() => process.disconnect());
