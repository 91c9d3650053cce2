/**
 * What each command prints as `data` with --json. docs/schemas/ is made from these types (`npm run docs:tables`), and a
 * command whose data are of another type does not compile. Times are ISO 8601 in UTC.
 */
import type { BackupListing } from '../backup/list-backups.ts';
import type { RestoreOutcome } from '../backup/restore.ts';
import type { ErrorCode } from '../base/errors.ts';
import type { OverviewView } from '../control/overview-views.ts';
import type {
  AuditView,
  BackupView,
  DeltaView,
  LockView,
  Notice,
  OperationResult,
  StatusView,
} from '../control/results.ts';
import type { Checkup } from '../doctor/doctor.ts';
import type { SettingDescription } from '../home/config.ts';
import type { SettingReading } from '../home/settings.ts';
import type { MigrationStatus } from '../migrate/migration-status.ts';
import type { RollbackOutcome } from '../migrate/rollback-migration.ts';
import type { StartOutcome } from '../migrate/start-migration.ts';
import type { ClientReport } from '../setup/set-up.ts';
import type { BundleFile } from '../support/bundle.ts';
import type { UsageSum } from '../usage/usage-totals.ts';
import type { Shell } from './completion/shell-scripts.ts';
import type { LogEntry } from './log-entry.ts';
import type { Situation } from './situation.ts';
import type { StopOutcome } from './stop-daemon.ts';

export interface CommandData {
  /** Once, when it serves; the process goes on. */
  run: RunningDaemon;
  'daemon start': StartedDaemon;
  'daemon stop': StopOutcome;
  'daemon restart': StartedDaemon & {
    /** Pid of the one before. */
    readonly stopped: number | null;
  };
  'daemon status': StatusView;
  status: StatusView;
  dashboard: OperationResult<'dashboard.link'>;
  /** One a line. */
  watch: OverviewView;
  init: OperationResult<'cluster.init'>;
  invite: OperationResult<'cluster.invite'>;
  'invite list': OperationResult<'cluster.invites'>;
  'invite revoke': OperationResult<'cluster.revokeInvite'>;
  join: OperationResult<'cluster.join'>;
  leave: OperationResult<'cluster.leave'>;
  'peers list': OperationResult<'peers.list'>;
  'peers evict': OperationResult<'peers.evict'>;
  'cluster rotate': OperationResult<'cluster.rotate'>;
  'lock acquire': OperationResult<'lock.acquire'>;
  'lock release': OperationResult<'lock.release'>;
  'lock renew': OperationResult<'lock.renew'>;
  /** A lock that is no longer valid is the error LOCK_NOT_HELD. */
  'lock check': { readonly valid: true; readonly lock: LockView };
  'lock list': OperationResult<'lock.list'>;
  'lock history': Pick<OperationResult<'audit'>, 'events' | 'behind'>;
  'lock force': OperationResult<'lock.force'>;
  why: OperationResult<'why'>;
  'context share': OperationResult<'context.share'>;
  'context list': OperationResult<'context.list'>;
  'context show': OperationResult<'context.show'>;
  'context search': OperationResult<'context.search'>;
  interests: OperationResult<'interest.list'>;
  'interests add': OperationResult<'interest.add'>;
  'interests remove': OperationResult<'interest.remove'>;
  /** With --follow one delta a line. */
  log: OperationResult<'log'> | DeltaView;
  /** With --follow one event a line. */
  audit: OperationResult<'audit'> | AuditView;
  'config show': {
    readonly file: string;
    readonly settings: readonly (SettingDescription & SettingReading)[];
    readonly warnings: readonly string[];
  };
  'config get': { readonly key: string } & SettingReading;
  /** `restart`: a daemon runs that has the old value until it is restarted. */
  'config set': { readonly key: string; readonly value: unknown; readonly restart: boolean };
  /** `key`: null for all of them. */
  'config reset': { readonly key: string | null; readonly restart: boolean };
  verify: OperationResult<'verify'>;
  /** With --list the second form. */
  backup: (BackupView & Timed) | { readonly directory: string; readonly backups: readonly BackupListing[] };
  restore: RestoreOutcome & Timed;
  compact: OperationResult<'compact'>;
  'migrate start': StartOutcome;
  'migrate status': MigrationStatus;
  'migrate rollback': RollbackOutcome;
  'migrate backups': { readonly home: string; readonly backups: readonly BackupListing[] };
  'migrate restore': RestoreOutcome;
  setup: SetupData;
  agents: OperationResult<'agent.list'>;
  usage: UsageData;
  /** What goes over standard output is the Model Context Protocol. */
  mcp: never;
  /** What goes over standard output is what the client of the hook expects. */
  hook: never;
  completion: { readonly shell: Shell; readonly script: string };
  /** With --follow one entry a line. */
  logs: LogListing | LogEntry;
  support: {
    readonly file: string;
    readonly bytes: number;
    readonly files: readonly BundleFile[];
    /** What could not be had. */
    readonly missing: readonly { readonly path: string; readonly why: string }[];
    /** How often what was left out. */
    readonly redacted: Readonly<Record<string, number>>;
  };
  doctor: Checkup & {
    /** With --fix, what was mended. */
    readonly fixed?: readonly string[];
  };
  version: {
    readonly version: string;
    /** Of Node.js. */
    readonly node: string;
    readonly daemon: { readonly version: string; readonly pid: number } | null;
  };
}

/** What is printed where the line names no command. */
export interface LineData {
  /** `agent-collab` alone. */
  bare: BareData;
  /** `--help`, after any command. */
  help: { readonly help: string };
}

/** What every failure prints. */
export interface Failure {
  readonly ok: false;
  readonly error: {
    readonly code: ErrorCode;
    readonly message: string;
    /** The next step. */
    readonly next?: string;
    /** Depends on the code. */
    readonly details?: Readonly<Record<string, unknown>>;
  };
  readonly notices?: readonly Notice[];
}

export interface RunningDaemon extends DaemonPlace {
  readonly node: string;
  readonly home: string;
  readonly storage: 'lmdb' | 'memory';
  /** What the start found and did, when there was something. */
  readonly summary: readonly string[];
  readonly warnings: readonly string[];
}

export interface StartedDaemon extends DaemonPlace {
  /** False: one ran already. */
  readonly started: boolean;
  /** Of the daemon. */
  readonly node?: string;
  readonly summary: readonly string[];
}

interface DaemonPlace {
  readonly pid: number;
  readonly version: string;
  readonly startedAt: string;
  /** On 127.0.0.1. */
  readonly port: number;
  /** Null: only the port. */
  readonly socket: string | null;
}

interface Timed {
  readonly durationMs: number;
}

type ClientView = Omit<ClientReport, 'client'> & { readonly client: string };

export interface LogListing {
  readonly file: string;
  /** Newest last. */
  readonly entries: readonly LogEntry[];
  /** There are older ones. */
  readonly more: boolean;
  /** Why there is none. */
  readonly note?: string;
}

/** `setup status` has the clients alone. */
export interface SetupData {
  readonly clients: readonly ClientView[];
  readonly dryRun?: boolean;
  readonly removed?: boolean;
}

export interface UsageData extends UsageSum {
  readonly period: 'day' | 'week' | 'month';
  /** `YYYY-MM-DD`, UTC, both included. */
  readonly fromDay: string;
  readonly toDay: string;
  readonly records: number;
  readonly unpriced: number;
  readonly pricesDate: string;
  readonly by: 'agent' | 'model' | 'category' | 'day';
  readonly rows: readonly (UsageSum & { readonly name: string })[];
}

export interface BareData {
  /** Null: no daemon runs, or none that answers. */
  readonly status: StatusView | null;
  readonly situation: Situation;
  /** The command that is useful now. */
  readonly next: string;
  readonly why: string;
}
