import { CollabError } from '../../src/base/errors.ts';
import { prepareStores } from '../../src/daemon/store-start.ts';
import { homePaths } from '../../src/home/home-paths.ts';
import { loadOrCreateKey } from '../../src/home/node-key.ts';
import { createStoreDirectories, prepareHome } from '../../src/home/prepare-home.ts';
import type { StorePlaces } from '../../src/offload/contract.ts';
import { atOfKey, openAuditTables } from '../../src/store/audit-tables.ts';
import { DeltaIndexWriter } from '../../src/store/delta-index.ts';
import { openDeltaEnvironment } from '../../src/store/delta-log.ts';
import { DeltaReader } from '../../src/store/delta-reader.ts';
import { LogView } from '../../src/store/log-view.ts';
import { type CheckPlaces, checkAtStart } from '../../src/store/start-check.ts';
import { verifyStores } from '../../src/store/verify.ts';
import type { Look, NotOpened, Opened, OpenedDelta } from './judge.ts';
import { contentDigest } from './promises.ts';

const mapSizeBytes = 2 ** 30;

function placesOf(home: string): CheckPlaces {
  const { deltaStore, indexStore, auditStore } = homePaths(home);
  return { delta: deltaStore, index: indexStore, audit: auditStore };
}

/** Without LMDB, which nothing is lost by. */
export async function look(home: string): Promise<Look> {
  const { delta, index, audit, sound } = await checkAtStart(placesOf(home));
  const damage = [delta, index, audit].flatMap(({ problems }) =>
    problems.slice(0, 1).map(({ store, where, what }) => `${store}: ${where}: ${what}`),
  );
  return { sound, damage };
}

export async function openAsStartDoes(home: string): Promise<Opened | NotOpened> {
  const before = await look(home);
  try {
    const { paths } = await prepareHome(home);
    await createStoreDirectories(paths);
    const key = await loadOrCreateKey(paths);
    const places: StorePlaces = { ...placesOf(home), mapSizeBytes, node: key.nodeId };
    const { findings, fences } = await prepareStores(places);
    await catchUp(places);
    const { problems } = await verifyStores(places, { mapSizeBytes });
    return {
      look: before,
      findings,
      fenceFloor: fences.startFloor,
      ...(await readDeltas(places)),
      events: await readEvents(places),
      problems: problems.map(({ store, where, what }) => `verify: ${store} ${where}: ${what}`),
    };
  } catch (error) {
    return { look: before, failed: describe(error) };
  }
}

function describe(error: unknown): string {
  if (!(error instanceof CollabError)) return error instanceof Error ? (error.stack ?? '') : String(error);
  const details = error.details === undefined ? '' : ` ${JSON.stringify(error.details)}`;
  return `${error.code}: ${error.message}${details}`;
}

/** What the index lane does once the daemon serves. */
async function catchUp({ delta, index }: StorePlaces): Promise<void> {
  const environment = openDeltaEnvironment(delta, { mapSizeBytes });
  try {
    const log = new LogView(environment);
    const writer = await DeltaIndexWriter.open(index, log, { mapSizeBytes });
    try {
      writer.applyUpTo(log.head());
    } finally {
      await writer.close();
    }
  } finally {
    await environment.close();
  }
}

async function readDeltas(places: StorePlaces): Promise<Pick<Opened, 'floor' | 'head' | 'deltas'>> {
  const reader = await DeltaReader.open(places, { mapSizeBytes });
  try {
    const { floor, head } = reader.snapshot();
    const deltas: OpenedDelta[] = [];
    for (const { id, source, seq, position, payload } of reader.positions(floor, head))
      deltas.push({ id, source, seq, position, digest: contentDigest(payload.path, payload.content) });
    return { floor, head, deltas };
  } finally {
    await reader.close();
  }
}

async function readEvents({ audit }: StorePlaces): Promise<ReadonlySet<number>> {
  const { environment, events } = await openAuditTables(audit, { mapSizeBytes });
  try {
    return new Set([...events.keys()].map((key) => atOfKey(key)));
  } finally {
    await environment.close();
  }
}
