/** Which embeddings a configuration and an environment ask for. */
import { CollabError } from '../base/errors.ts';
import { ApiKey } from './api-key.ts';
import { embeddingServices, type ServiceName, serviceNames } from './embedding-services.ts';

export interface EmbeddingSettings {
  readonly provider: 'auto' | 'offline' | 'none' | ServiceName;
  /** @default the one of the service in embedding-services.ts */
  readonly model?: string;
  /** Of a gateway, or a service of the same format. @default the service's own */
  readonly url?: string;
  /** @default the one in the environment */
  readonly key?: string;
}

/** Such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

export interface ChosenService {
  readonly kind: 'service';
  readonly service: ServiceName;
  readonly model: string;
  /** Without a slash, a version, a query or credentials at its end. */
  readonly url: string;
  readonly key: ApiKey | undefined;
  /** What the choice rests on, to be shown: the name of a variable, or `settings`. */
  readonly because: string;
}

export type EmbeddingChoice = { readonly kind: 'none' } | { readonly kind: 'offline' } | ChosenService;

const maxModelChars = 200;
const maxKeyChars = 1000;

/**
 * `auto` takes the first service whose key is in the environment, in the order of `serviceNames`; Ollama only when OLLAMA_HOST is
 * set, since whatever else listens on its port would be told everything; else the offline encoder.
 * @throws CONFIG_INVALID when a service that was named has no key, or the address, the model or the key cannot be one.
 */
export function chooseEmbeddings(settings: EmbeddingSettings, env: Environment): EmbeddingChoice {
  const { provider } = settings;
  if (provider === 'none' || provider === 'offline') return { kind: provider };
  if (provider !== 'auto') return chosenService(provider, settings, env);
  for (const name of ['key', 'url', 'model'] as const) {
    if (given(settings[name]) === undefined) continue;
    // A key would go to whichever service is found, and a key that is found to whatever the address is.
    throw invalid(
      `a ${name} for embeddings is set, and not for which service`,
      `Set the provider to one of ${serviceNames.join(', ')}.`,
    );
  }
  const found = serviceNames.find(
    (name) => firstSet([...embeddingServices[name].keyVariables, ...hostVariables(name)], env) !== undefined,
  );
  return found === undefined ? { kind: 'offline' } : chosenService(found, settings, env);
}

function chosenService(service: ServiceName, settings: EmbeddingSettings, env: Environment): ChosenService {
  const format = embeddingServices[service];
  const model = given(settings.model) ?? format.model;
  if (model.length > maxModelChars || !/^[\w.:/@-]+$/.test(model)) {
    throw invalid('the model for embeddings is not a name', `Use a name such as ${format.model}.`);
  }
  const key = setting(settings.key) ?? firstSet(format.keyVariables, env);
  if (key === undefined && format.keyVariables.length > 0) {
    throw invalid(
      `${service} makes no embeddings without a key`,
      `Set ${format.keyVariables.join(' or ')} in the environment of the daemon.`,
    );
  }
  const host = firstSet(hostVariables(service), env);
  const url = setting(settings.url) ?? (host && { ...host, text: hostUrl(host.text) });
  return {
    kind: 'service',
    service,
    model,
    url: url === undefined ? format.url : parseUrl(url, format.version),
    key: key && parseKey(key),
    because: (key ?? url)?.from ?? 'settings',
  };
}

/** A value, and whose it is. */
interface Sourced {
  readonly text: string;
  readonly from: string;
}

function setting(text: string | undefined): Sourced | undefined {
  const value = given(text);
  return value === undefined ? undefined : { text: value, from: 'settings' };
}

function firstSet(variables: readonly string[], env: Environment): Sourced | undefined {
  for (const from of variables) {
    const text = given(env[from]);
    if (text !== undefined) return { text, from };
  }
  return undefined;
}

/** Empty is not set: a shell cannot always take a variable away. */
function given(text: string | undefined): string | undefined {
  return text?.trim() || undefined;
}

function hostVariables(service: ServiceName): readonly string[] {
  return service === 'ollama' ? ['OLLAMA_HOST'] : [];
}

/** A key with a line break in it would make a header that `fetch` refuses, and quotes in what it throws. */
function parseKey({ text, from }: Sourced): ApiKey {
  if (text.length > maxKeyChars || !/^[\x21-\x7e]+$/.test(text)) {
    throw invalid(
      `the key for embeddings (${from}) has a character that no key has, or is too long`,
      'Copy it anew.',
    );
  }
  return new ApiKey(text);
}

/** What stands in the address is never repeated: it may be a password. */
function parseUrl({ text, from }: Sourced, version: string): string {
  const what = `the address for embeddings (${from})`;
  const next = 'Use an address such as https://gateway.example.';
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) throw invalid(`${what} is no http address`, next);
  if (url.username !== '' || url.password !== '') throw invalid(`${what} has credentials in it`, next);
  if (url.search !== '' || url.hash !== '') throw invalid(`${what} has a query or a fragment`, next);
  const path = url.pathname.replace(/\/+$/, '');
  return `${url.origin}${path.endsWith(version) ? path.slice(0, -version.length) : path}`;
}

/**
 * OLLAMA_HOST as Ollama reads it: a scheme, a host and a port, each of which may be missing. It also says where the server listens,
 * and `0.0.0.0` is a place to listen at, not to connect to.
 */
function hostUrl(host: string): string {
  const [, scheme, rest = ''] = /^(https?:\/\/)?(.*)$/s.exec(host) ?? [];
  const bare = rest.startsWith(':') ? `127.0.0.1${rest}` : rest;
  const there = bare.replace(/^0\.0\.0\.0(?=[:/]|$)/, '127.0.0.1').replace(/^\[::\]/, '[::1]');
  // With a scheme the port is that of the scheme.
  if (scheme !== undefined) return `${scheme}${there}`;
  const [authority = '', ...path] = there.split('/');
  const withPort = /:\d+$/.test(authority) ? authority : `${authority}:11434`;
  return `http://${[withPort, ...path].join('/')}`;
}

function invalid(message: string, next: string): CollabError {
  return new CollabError('CONFIG_INVALID', message, { next });
}
