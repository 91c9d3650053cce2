#!/usr/bin/env node
import { exitCodes, exitNow } from '../base/exit.ts';
import { writeErr } from '../base/log.ts';
import { runCommandLine } from './run-command.ts';

// A defect that no call could be blamed for. Also a rejected promise that nobody awaits comes here.
process.on('uncaughtException', (error: unknown) => {
  const stack = error instanceof Error ? (error.stack ?? error.message) : String(error);
  writeErr(`error: a defect of agent-collab; please report it with these lines\n${stack}\n`);
  exitNow(exitCodes.defect);
});

// At once, not when the event loop runs dry: an idle keep-alive connection would hold the process for seconds.
exitNow(await runCommandLine(process.argv.slice(2)));
