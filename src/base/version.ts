import { readFileSync } from 'node:fs';

/** The version in package.json, found from the sources (`src/base`) and from the build (`dist/src/base`) alike. */
export const version: string = readVersion();

function readVersion(): string {
  for (const relative of ['../../package.json', '../../../package.json']) {
    try {
      const manifest = JSON.parse(readFileSync(new URL(relative, import.meta.url), 'utf8')) as Record<
        string,
        unknown
      >;
      if (manifest.name === 'agent-collab' && typeof manifest.version === 'string') return manifest.version;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    }
  }
  throw new Error('package.json of agent-collab not found beside its sources');
}
