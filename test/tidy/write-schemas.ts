/** `npm run docs:schemas`: writes docs/schemas/ anew from the types of src/cli/command-data.ts. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { commandSchemas, schemasFolder } from './command-schemas.ts';
import { projectRoot } from './project-files.ts';

const folder = new URL(schemasFolder, projectRoot);
const files = commandSchemas();
mkdirSync(folder, { recursive: true });
for (const name of readdirSync(folder)) if (!files.has(name)) rmSync(new URL(name, folder));
for (const [name, text] of files) writeFileSync(new URL(name, folder), text);
process.stdout.write(`${schemasFolder}: ${files.size} files\n`);
